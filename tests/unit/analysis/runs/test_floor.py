"""The correction of a held-out set by training streams, on runs whose losses are known."""

import dataclasses

import numpy as np
import pytest

from benchmarks.simulated_runs import Simulated, runs
from epiplexity_jax.analysis.frontier.members import members_of
from epiplexity_jax.analysis.runs import errors
from epiplexity_jax.analysis.runs.curve import Online
from epiplexity_jax.analysis.runs.floor import Correction, correction_of, floor_of
from epiplexity_jax.analysis.runs.heldout import HeldoutLosses
from epiplexity_jax.analysis.runs.lengths import score
from epiplexity_jax.analysis.runs.variants import NEVER
from epiplexity_jax.base.units import nats_to_bits

FAMILY = Simulated(steps=600, heldout_sequences=512)
SIZES = (100_000, 1_000_000)


IN_TURNS = Simulated(steps=600, heldout_sequences=2048, record_share=0.05)  # from step 178 on


def corrected(sample, seeds=2, family=FAMILY):
    curves = runs(family, SIZES, seeds, np.random.default_rng(sample))
    return curves, correction_of(curves)


def stderr(factors):
    return float(np.sqrt(errors.variance(factors, np.zeros(1))[0]))


# Sequences go on to differ to the end of training, so that the set errs by more at the end.
GROWING = dataclasses.replace(FAMILY, grown_steps=FAMILY.steps)


@pytest.mark.parametrize("family", [FAMILY, GROWING], ids=["grown early", "growing"])
def test_it_takes_out_most_of_what_the_held_out_set_has_over_the_population(family):
    plain, mended, said = [], [], []
    for sample in range(40):
        curves, correction = corrected(sample, family=family)
        true = family.ema_loss(np.array([float(family.steps)]), SIZES[0])[0]
        loss = curves[0].ema.loss_nats[-1]
        floor = floor_of(curves[0].ema, correction)
        plain.append(loss - true)
        mended.append(floor.losses[-1] - true)
        said.append(stderr({name: rows[:, -1:] for name, rows in floor.factors.items()}))
    assert np.std(mended) < 0.6 * np.std(plain)
    z = np.array(mended) / said
    assert abs(z.mean()) < 0.5
    assert 0.7 < z.std() < 1.3


@pytest.mark.parametrize("family", [FAMILY, IN_TURNS], ids=["one subset", "turns"])
def test_model_lengths_are_unbiased_and_their_errors_honest(family):
    z = []
    for sample in range(40):
        curves, correction = corrected(sample, family=family)
        for member in members_of(curves, 1e7, "switch", "ema", correction):
            named = np.log2(member.steps.size + 1)
            at = int(member.switch_steps[-1])
            true = float(nats_to_bits(family.model_nats(member.params, at))) + named
            z.append((member.model_bits[-1] - true) / member.model_stderr[-1])
    assert abs(np.mean(z)) < 0.35
    assert 0.75 < np.std(z) < 1.25


def test_record_points_that_take_turns_err_less():
    one = dataclasses.replace(IN_TURNS, record_share=0.0)
    spread, said = {}, {}
    for family in (one, IN_TURNS):
        members = []
        for sample in range(20):
            curves, correction = corrected(sample, family=family)
            members += members_of(curves[:1], 1e7, "switch", "ema", correction)
        named = np.log2(members[0].steps.size + 1)
        true = [
            float(nats_to_bits(family.model_nats(m.params, int(m.switch_steps[-1])))) + named
            for m in members
        ]
        errors_ = np.array([m.model_bits[-1] for m in members]) - true
        spread[family] = np.sqrt(np.mean(errors_**2))
        said[family] = np.mean([m.model_stderr[-1] for m in members])
        assert {m.subsets for m in members} == ({1} if family is one else {10})
    assert said[IN_TURNS] < 0.95 * said[one]
    assert spread[IN_TURNS] < spread[one]


def test_the_choice_of_the_switch_is_that_of_the_lengths_which_are_printed():
    """No pure choice of weights is shorter, whatever the correction moves either by."""
    curves = runs(FAMILY, SIZES[:1], 1, np.random.default_rng(5))
    (curve,) = curves
    # Raw weights whose held-out set errs by more: a correction moves them further.
    object.__setattr__(curve.raw, "stderr_nats", 8.0 * curve.raw.stderr_nats)
    for standard in (-20.0, 20.0):
        correction = Correction(standard)
        pure = [
            score(curve, 1e7, variant, floor, correction=correction).mdl_bits
            for variant, floor in (("online", "raw"), ("online", "ema"))
        ]
        scored = score(curve, 1e7, correction=correction)
        named = np.log2(np.arange(1, curve.steps.size + 1) + 1.0)
        never = scored.switch_steps == NEVER
        assert np.all(scored.mdl_bits <= pure[0] + named + 1e-6)
        # A negative correction makes the raw weights cheaper, a positive one the averaged ones.
        assert never[1:].any() == (standard < 0.0)


def test_an_untrained_model_that_predicts_uniformly_is_not_moved():
    curves, correction = corrected(4)
    for heldout in (curves[0].ema, curves[0].raw):
        floor = floor_of(heldout, correction)
        assert floor.losses[0] == pytest.approx(heldout.loss_nats[0], abs=1e-12)
        assert all(np.allclose(rows[:, 0], 0.0) for rows in floor.factors.values())


def test_runs_that_are_no_fresh_samples_correct_nothing():
    curves, _ = corrected(0)
    object.__setattr__(curves[0], "fresh", False)
    assert correction_of(curves[:1]).standard == 0.0
    assert correction_of([]).factors == {}


def test_the_errors_of_the_whole_set_are_those_it_states():
    curves, _ = corrected(1)
    for heldout in (curves[0].ema, curves[0].raw):
        assert stderr(heldout.whole_set()) == pytest.approx(heldout.stderr_nats[-1])


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
    return HeldoutLosses(
        factor * heldout.loss_nats, factor * heldout.stderr_nats, factor * heldout.blocks_nats
    )
