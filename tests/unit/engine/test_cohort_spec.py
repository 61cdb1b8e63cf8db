"""What follows from a cohort's job: iterations and accounts."""

import math
from dataclasses import replace

import pytest

from epiplexity_jax.engine.cohort_spec import sampling_passes
from tests.unit.engine.jobs import BATCH, job_of
from tests.unit.engine.test_families import job_of as family_job
from tests.unit.engine.toys import cycle


@pytest.mark.parametrize(
    ("cap", "bound", "expected"),
    [(math.inf, None, 50), (math.inf, 200, 50), (0.1, 200, 200), (0.1, None, 50)],
)
def test_only_members_that_may_wait_take_more_iterations_than_steps(cap, bound, expected):
    job = job_of(cycle(), [0, 1], steps=50)
    hyper = job.members[1].hyper._replace(max_kl=cap)
    members = (job.members[0], replace(job.members[1], hyper=hyper))
    job = replace(job, members=members, max_iterations=bound)
    assert job.gated is math.isfinite(cap)
    assert job.iterations == expected


def test_a_step_counts_start_tokens_as_tokens_and_labels_alone_as_labels():
    whole = job_of(cycle(), [0]).accounting
    assert (whole.step_tokens, whole.step_labels) == (BATCH * 17, BATCH * 16)
    half = job_of(cycle(mask=[False] * 8 + [True] * 8), [0]).accounting
    assert (half.step_tokens, half.step_labels) == (BATCH * 16, BATCH * 8)
    flops = 2 * 3 * 16 * half.cost.eval_flops_per_token  # two sets of weights, three sequences
    assert half.eval_flops(3) == flops


def test_a_model_without_a_cache_reads_the_sequence_for_every_label():
    assert sampling_passes(job_of(cycle(), [0]).model) == 1
    assert sampling_passes(family_job("own").model) == 15
