"""The area of a run's code above its floor is the length of its model, in every variant."""

import numpy as np
import pytest

from epiplexity_jax import coding
from epiplexity_jax.analysis import Exact, HeldoutLosses, Messages, Online, score
from epiplexity_jax.analysis.runs.loss_area import LossArea, loss_area
from epiplexity_jax.analysis.runs.variants import NEVER
from tests.unit.analysis.runs.made import LOSS, STEPS, make

RAW = LOSS + np.array([0.0, -0.05, 0.0, 0.05, 0.1])
STREAM = {"raw": HeldoutLosses(RAW), "online": Online(np.array([0.0, 10.0, 16.5, 21.5, 26.0]))}
KL = np.array([0.0, 3.0, 5.0, 6.0, 6.5])
SENT = Messages(KL, 0 * KL, KL + np.array([0.0, -0.5, 0.2, 0.6, 1.0]), 0 * KL, 2 * KL, 2 * KL)
CASES = {
    "switch": STREAM,
    "paired": {},
    "online": STREAM,
    "exact": STREAM | {"exact": Exact(14.0, 15.0)},
    "ema_student": {"messages": SENT},
    "student": {"messages": SENT, "raw": HeldoutLosses(RAW)},
}


def named_bits(scored):
    if scored.switch_steps is None:
        return 0.0
    return float(coding.switch_bits(STEPS.size))


@pytest.mark.parametrize("variant", CASES)
def test_the_area_is_the_length_of_the_model(variant):
    curve = make(**CASES[variant], variant=variant, variants=(variant,))
    area, scored = loss_area(curve, 1000.0), score(curve, 1000.0)
    assert area.bits == pytest.approx(scored.model_bits[-1] - named_bits(scored), rel=1e-12)
    assert area.edges.tolist() == [0, 10, 20, 30, 40]
    if curve.messages is not None:
        assert area.floor == pytest.approx(0.0, abs=1e-12)
    elif variant != "exact":
        assert area.floor == pytest.approx(scored.data_bits[-1] / 1000.0)


def test_a_switching_student_sends_raw_and_then_averaged_messages():
    curve = make(
        messages=SENT, raw=HeldoutLosses(RAW), variant="switch", variants=("switch", "student")
    )
    area, scored = loss_area(curve, 1000.0), score(curve, 1000.0)
    assert scored.switch_steps[-1] not in (NEVER, 0)
    assert area.bits == pytest.approx(scored.model_bits[-1] - named_bits(scored), rel=1e-12)


def test_a_known_entropy_rate_ends_the_area():
    curve = make(floor="entropy_rate", entropy_rate_nats=0.3)
    area = loss_area(curve, 1000.0)
    assert area.bits == pytest.approx(score(curve, 1000.0).model_bits[-1], rel=1e-12)
    assert area.floor == pytest.approx(0.3 / np.log(2.0))


def test_fewer_intervals_have_the_same_area():
    losses = np.linspace(5.0, 2.0, 100)
    area = LossArea(np.cumsum(np.concatenate([[0.0], np.arange(1.0, 101.0)])), losses, 1.5)
    thinned = area.thinned(7)
    assert thinned.losses.size == 7
    assert thinned.edges[[0, -1]].tolist() == area.edges[[0, -1]].tolist()
    assert thinned.bits == pytest.approx(area.bits, rel=1e-12)
    assert area.thinned(100) is area
    assert len(area.to_json()["edges"]) == 101


def test_what_did_not_train_has_none():
    assert loss_area(make(status="diverged"), 1000.0) is None
    none = make(steps=np.array([0]), ema=HeldoutLosses(LOSS[:1]))
    assert loss_area(none, 1000.0) is None
