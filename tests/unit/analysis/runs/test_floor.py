"""The correction of a held-out set by training streams, on runs whose losses are known."""

import dataclasses

import numpy as np
import pytest

from benchmarks.simulated_runs import Simulated, runs
from epiplexity_jax.analysis.frontier.members import members_of
from epiplexity_jax.analysis.runs import errors
from epiplexity_jax.analysis.runs.curve import HeldoutLosses, Online
from epiplexity_jax.analysis.runs.floor import correction_of, floor_of, full_set
from epiplexity_jax.base.units import nats_to_bits

FAMILY = Simulated(steps=600, heldout_sequences=512)
SIZES = (100_000, 1_000_000)


def corrected(sample, seeds=2):
    curves = runs(FAMILY, SIZES, seeds, np.random.default_rng(sample))
    return curves, correction_of(curves)


def stderr(factors):
    return float(np.sqrt(errors.variance(factors, np.zeros(1))[0]))


def test_it_takes_out_most_of_what_the_held_out_set_has_over_the_population():
    plain, mended, said = [], [], []
    for sample in range(40):
        curves, correction = corrected(sample)
        true = FAMILY.ema_loss(np.array([float(FAMILY.steps)]), SIZES[0])[0]
        loss = curves[0].ema.loss_nats[-1]
        floor = floor_of(curves[0].ema, correction)
        plain.append(loss - true)
        mended.append(floor.losses[-1] - true)
        said.append(stderr({name: rows[:, -1:] for name, rows in floor.factors.items()}))
    assert np.std(mended) < 0.6 * np.std(plain)
    z = np.array(mended) / said
    assert abs(z.mean()) < 0.5
    assert 0.7 < z.std() < 1.3


def test_model_lengths_are_unbiased_and_their_errors_honest():
    z = []
    for sample in range(60):
        curves, correction = corrected(sample)
        for member in members_of(curves, 1e7, "switch", "ema", correction):
            named = np.log2(member.steps.size + 1)
            at = int(member.switch_steps[-1])
            true = float(nats_to_bits(FAMILY.model_nats(member.params, at))) + named
            z.append((member.model_bits[-1] - true) / member.model_stderr[-1])
    assert abs(np.mean(z)) < 0.35
    assert 0.75 < np.std(z) < 1.25


def test_runs_that_are_no_fresh_samples_correct_nothing():
    curves, _ = corrected(0)
    object.__setattr__(curves[0], "fresh", False)
    assert correction_of(curves[:1]).standard == 0.0
    assert correction_of([]).factors == {}


def test_the_errors_of_the_whole_set_are_those_it_states():
    curves, _ = corrected(1)
    for heldout in (curves[0].ema, curves[0].raw):
        assert stderr(full_set(heldout)) == pytest.approx(heldout.stderr_nats[-1])


def test_a_run_that_has_learnt_nearly_all_is_moved_as_little_as_its_set_errs():
    """Whose held-out losses err a tenth as much, as its losses are a tenth of the others'."""
    curves, correction = corrected(2)
    (shift, small) = (
        floor_of(one, correction).losses[-1] - one.adjusted()[-1]
        for one in (curves[0].ema, scaled(curves[0].ema, 0.1))
    )
    assert abs(shift) > 0.0
    assert small == pytest.approx(0.1 * shift)


def test_what_nearly_solved_runs_say_weighs_by_their_own_error():
    """Their streams lie over the set by as many standard errors, and by a tenth of the nats."""
    curves, correction = corrected(3)
    solved = [
        dataclasses.replace(
            curve,
            raw=scaled(curve.raw, 0.1),
            online=Online(0.1 * curve.online.sum_nats, 0.01 * curve.online.sum_var),
        )
        for curve in curves
    ]
    assert correction_of(solved).standard == pytest.approx(correction.standard)
    assert correction_of([*curves, *solved]).standard == pytest.approx(correction.standard, rel=0.2)


def scaled(heldout, factor):
    """Held-out losses that are a part of others."""
    return HeldoutLosses(*(factor * part for part in vars(heldout).values() if part is not None))
