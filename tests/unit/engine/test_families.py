"""Members of every trained family side by side, as accelerators train them, and one by one."""

import jax
import numpy as np
import pytest
from flax import nnx

from epiplexity_jax.engine import programs
from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.programs import ProgramKey
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.engine.stream import Stream, heldout_tokens
from epiplexity_jax.engine.train_cohort import train_cohort
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.families import from_nnx, registry, user_model
from epiplexity_jax.families.spec import Task, task_for
from tests.unit.engine.toys import cycle

PREQUENTIAL = PrequentialMethod()
HYPER = Hyperparameters(0.03, 5, Window(10, 1.0))

BATCH, STEPS, ROOT = 8, 12, 2


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.embed = nnx.Embed(8, 8, rngs=rngs)
        self.readout = nnx.Linear(8, 8, rngs=rngs)

    def __call__(self, tokens):
        return self.readout(self.embed(tokens))


FAMILIES = {
    "mlp": {"kind": "mlp", "widths": [8], "depths": [1], "window": 3},
    "recurrent": {"kind": "recurrent", "widths": [8], "depths": [1]},
    "own": None,
}


def job_of(kind):
    config = FAMILIES[kind]
    config = registry.parse(config, "family") if config else user_model(from_nnx(Nnx))
    family, source = registry.open_family(config), cycle()
    task = task_for(family, source.info)
    layout = heldout_layout(64, BATCH)
    heldout = heldout_tokens(source, None, ROOT, layout.sequences)
    heldout = heldout.reshape(layout.eval_batches, layout.eval_batch_size, -1)
    members = tuple(
        MemberJob(ROOT, seed, Stream(source, None, ROOT, seed, BATCH), heldout, HYPER)
        for seed in range(3)
    )
    model = family.model(family.sizes()[0], task, "float32", "cpu")
    return CohortJob(ProgramKey(model, PREQUENTIAL), BATCH, STEPS, layout, members)


@pytest.fixture
def _fresh_programs():
    programs.compile_programs.cache_clear()
    yield
    programs.compile_programs.cache_clear()


@pytest.mark.usefixtures("_fresh_programs")
@pytest.mark.parametrize("kind", FAMILIES)
def test_side_by_side_is_one_by_one(kind, monkeypatch):
    job, mesh = job_of(kind), member_mesh(jax.devices()[:1])
    alone = train_cohort(job, mesh)
    programs.compile_programs.cache_clear()
    monkeypatch.setattr(programs.ProgramKey, "use_lax_map", False)
    together = train_cohort(job, mesh)
    for one, other in zip(alone, together, strict=True):
        for name in ("online_loss_sum_nats", "heldout_loss_nats", "heldout_raw_loss_nats"):
            np.testing.assert_allclose(one.history[name], other.history[name], rtol=1e-5)
        assert one.history["heldout_raw_loss_nats"][-1] < one.history["heldout_raw_loss_nats"][0]


def test_a_model_without_start_token_is_not_paid_for_the_first_token():
    own_task, whole = job_of("own").model.task, Task.of(cycle().info)
    assert own_task.label_mask == (False, *whole.label_mask[1:])
    assert job_of("own").accounting.task.label_tokens == whole.label_tokens - 1
    assert job_of("own").accounting.task.total_tokens == whole.total_tokens - 1
