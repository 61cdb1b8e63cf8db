"""Variants of a model length: raw weights up to a switch, averaged ones from there on."""

import math

import numpy as np
import pytest

from epiplexity_jax import coding
from epiplexity_jax.analysis import HeldoutLosses, Messages, Online, score
from epiplexity_jax.analysis.frontier.members import members_of
from epiplexity_jax.analysis.runs.variants import NEVER
from tests.unit.analysis.runs.made import LOSS, STEPS, make

LN2 = np.log(2.0)
RAW = LOSS + np.array([0.0, -0.05, 0.0, 0.05, 0.1])
TOTAL = np.array([0.0, 10.0, 16.5, 21.5, 26.0])


def switching(**changes):
    """A run whose raw weights are the better ones at first and the worse ones later."""
    options = {"raw": HeldoutLosses(RAW), "online": Online(TOTAL), "variants": ("switch", "online")}
    return make(**(options | {"variant": "switch"} | changes))


def test_the_switch_codes_raw_and_then_averaged_weights():
    scored = score(switching(), 1000.0)
    gain = 10 * np.concatenate([[0.0], np.cumsum((RAW - LOSS)[:4])])
    for end in range(2, 5):  # before, averaged weights are worse and code nothing
        codes = [TOTAL[end] - (gain[end] - gain[k]) - 10 * end * LOSS[end] for k in range(end + 1)]
        named = math.log2(end + 2)
        assert scored.model_bits[end] == pytest.approx(min(codes) / LN2 + named)
        chosen = end - int(np.argmin(codes[::-1]))  # the last of equally long ones
        # Weights that are equal at the end code the data alike: raw ones stay.
        same = chosen == end and RAW[end] == LOSS[end]
        assert scored.switch_steps[end] == (NEVER if same else chosen)
        time = 600 * 10 * end + 200 * 10 * (end - chosen) + 200 * 1000
        assert scored.time_flops[end] == pytest.approx(time)
    assert scored.model_bits[0] == 0.0


def test_no_pure_choice_of_weights_is_shorter_but_for_the_name_of_the_switch():
    for seed in range(20):
        generator = np.random.default_rng(seed)
        raw = np.concatenate([[1.0], LOSS[1:] + 0.1 * generator.standard_normal(4)])
        curve = switching(raw=HeldoutLosses(raw), variants=("switch", "online"))
        found = score(curve, 1000.0).mdl_bits
        named = coding.switch_bits(np.arange(1, 6))
        always = TOTAL - 10 * coding.interpolate_sum(STEPS, raw - LOSS) - 10 * STEPS * LOSS
        never = score(curve, 1000.0, "online", "raw").mdl_bits
        assert np.all(found <= (always + 1000 * LOSS) / LN2 + named + 1e-9)
        assert np.all(found <= never + named + 1e-9)


def test_raw_weights_stay_where_averaging_never_pays():
    curve = switching(raw=HeldoutLosses(LOSS - 0.2 * (STEPS > 0)))
    scored = score(curve, 1000.0)
    assert set(scored.switch_steps[1:]) == {NEVER}
    np.testing.assert_allclose(scored.data_bits[1:], 1000 * (LOSS - 0.2)[1:] / LN2)
    assert scored.time_flops[-1] == pytest.approx(600 * 40 + 200 * 1000)


def taught():
    """A student whose raw weights are cheaper to send at first."""
    kl, raw_kl = np.array([0.0, 4.0, 7.0, 8.0, 8.5]), np.array([0.0, 2.0, 4.0, 6.0, 8.0])
    zeros = np.zeros(5)
    return make(
        raw=HeldoutLosses(LOSS + 0.01 * (STEPS > 0)),
        messages=Messages(kl, zeros, raw_kl, zeros, 2 * kl, 2 * raw_kl),
        estimator="requential",
        variants=("switch", "ema_student", "student"),
        variant="switch",
    )


def test_a_requential_reference_switches_too():
    scored = score(taught(), 1000.0)
    assert scored.switch_steps[-1] == 2
    assert scored.model_bits[-1] == pytest.approx((4.0 + 1.5) / LN2 + math.log2(6))
    assert scored.certified_bits[-1] == pytest.approx(2 * (4.0 + 1.5) + math.log2(6))
    assert np.isnan(score(switching(), 1000.0).certified_bits).all()


def test_a_member_names_the_step_of_its_switch():
    def step_of(curve, tokens, variant="switch"):
        (member,) = members_of([curve], 1000.0, variant, "ema")
        return member.switch_step(tokens)

    taught_tokens = taught().train_tokens
    assert step_of(taught(), taught_tokens[-1]) == 2
    assert step_of(taught(), 0.5 * (taught_tokens[-2] + taught_tokens[-1])) == 2
    assert step_of(switching(), switching().train_tokens[-1], "online") is None
    never = switching(raw=HeldoutLosses(LOSS - 0.2 * (STEPS > 0)))
    assert step_of(never, never.train_tokens[-1]) is None
