"""Two answers to each question, by training: what is chance, and what the observer does not know.

The gap H(y2 | x) - H(y2 | x, y1) comes from two sources, of one answer and of two. Both answers
have one distribution, so it is twice the loss of the one less the loss of both.
"""

import math

import pytest

import epiplexity_jax as epx
from epiplexity_jax.sweep.config import Heldout, Training

INPUTS = 16
KINDS = ("coin", "prg", "teacher")
pytestmark = pytest.mark.slow


def pairs(kind, second=True):
    return epx.sources.Pairs(answers=kind, inputs=INPUTS, second=second)


@pytest.fixture(scope="module")
def final_bits(tmp_path_factory):
    """Held-out bits per answer at the end, and its standard error, by kind and number of answers.

    Training sees fewer questions than there are, so that no answer is learnt by heart.
    """
    steps, batch = 400, 128
    assert steps * batch < 1 << INPUTS
    runs = epx.run(
        {f"{kind} {1 + second}": pairs(kind, second) for kind in KINDS for second in (False, True)},
        epx.families.Mlp(widths=(16,), depths=(1,), window=INPUTS + 1, seeds=1),
        recipe="fixed",
        store=tmp_path_factory.mktemp("pairs") / "store",
        training=Training(steps=steps, batch_size=batch),
        heldout=Heldout(tokens=40_000),
    )
    ends = {curve.source: curve.ema for curve in runs.curves()}
    bits = {name: (e.loss_nats[-1], e.stderr_nats[-1]) for name, e in ends.items()}
    return {name: tuple(nats / math.log(2) for nats in each) for name, each in bits.items()}


def gap(final_bits, kind):
    """Bits that the first answer says about the second, and the standard error."""
    (one, one_error), (two, two_error) = (final_bits[f"{kind} {count}"] for count in (1, 2))
    return 2 * (one - two), 2 * math.hypot(one_error, two_error)


@pytest.mark.parametrize("kind", ["coin", "prg"])
def test_the_first_answer_is_a_fair_coin_to_a_bounded_observer(kind, final_bits):
    bits, error = final_bits[f"{kind} 1"]
    assert abs(bits - 1) < 5 * error + 0.002


def test_a_coin_says_nothing_about_another(final_bits):
    found, error = gap(final_bits, "coin")
    assert abs(found) < 5 * error + 0.004


def test_a_hidden_function_is_known_from_its_first_value(final_bits):
    """The gap is 1 bit: y2 costs nothing once y1 is seen."""
    found, error = gap(final_bits, "prg")
    assert abs(found - 1) < 5 * error + 0.01


def test_of_a_teacher_that_is_learnt_the_gap_is_nearly_closed(final_bits):
    """Its answers cost little more than their entropy; the gap of one not learnt is 0.117 bits."""
    rate = epx.sources.open_source(pairs("teacher")).info.entropy_rate_nats
    for count in (1, 2):
        bits, error = final_bits[f"teacher {count}"]
        assert -5 * error < bits - (rate or 0) / math.log(2) < 0.03
    found, error = gap(final_bits, "teacher")
    assert error < 0.012
    assert abs(found) < 0.117 / 2
