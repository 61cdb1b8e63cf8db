"""Hidden-bit induction: h bits of an automaton's start are hidden, so a sequence costs h bits.

Rule 15 shows its hidden bits in Y as they are. Rules 30 and 60 show them mixed with their
neighbours, so they must be inferred from what is seen of Y before later cells can be predicted.
"""

import functools
import math

import pytest

import epiplexity_jax as epx
from epiplexity_jax import analysis
from epiplexity_jax.sweep.config import Heldout, Training

CELLS = 6
TEST = 1e6
CASES = {
    # hidden bits: rules that transformers learn, and their depth
    1: ((15, 60), 2),
    2: ((15,), 1),
}


def bits_per_sequence(nats_per_label):
    return CELLS * nats_per_label / math.log(2)


def induction(rule, hidden):
    return epx.sources.Induction(rule=rule, cells=CELLS, steps=1, hidden=hidden)


@pytest.fixture(scope="module")
def counts_of(tmp_path_factory):
    """Curves of n-grams that see the whole sequence, by rule, for so many hidden bits."""

    @functools.cache
    def run(hidden):
        runs = epx.run(
            {str(rule): induction(rule, hidden) for rule in (15, 30, 60)},
            epx.families.Ngram(orders=(2 * CELLS - hidden - 1,), seeds=1),
            recipe="fixed",
            store=tmp_path_factory.mktemp("counts") / "store",
            training=Training(steps=6, batch_size=6000),
            heldout=Heldout(tokens=100_000),
        )
        return runs.curves()

    return run


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """Curves of transformers, by rule, for so many hidden bits."""

    @functools.cache
    def run(hidden):
        rules, depth = CASES[hidden]
        runs = epx.run(
            {str(rule): induction(rule, hidden) for rule in rules},
            epx.families.Transformer(widths=(32,), depths=(depth,), seeds=1),
            recipe="fixed",
            store=tmp_path_factory.mktemp("transformer") / "store",
            training=Training(steps=600, batch_size=32, warmup_steps=20),
            heldout=Heldout(tokens=40_000),
        )
        return {int(curve.source): curve for curve in runs.curves()}

    return run


@pytest.mark.parametrize("hidden", [0, 1, 3])
def test_the_entropy_of_a_sequence_is_that_of_its_hidden_bits(hidden, counts_of):
    """Counts that see everything come to it; half a nat per context is what counting costs."""
    for curve in counts_of(hidden):
        known = bits_per_sequence(curve.entropy_rate_nats)
        assert known == pytest.approx(hidden, rel=1e-12)
        error = bits_per_sequence(4 * curve.ema.stderr_nats[-1])
        counting = bits_per_sequence(2.0**curve.order / curve.label_tokens[-1])
        found = bits_per_sequence(curve.ema.loss_nats[-1])
        assert hidden - error < found < hidden + error + counting
        assert error + counting < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("hidden", CASES)
def test_a_transformer_comes_down_to_the_hidden_bits_and_not_below(hidden, learnt):
    """Close: under 1 % of what there was to learn is left above the floor."""
    for curve in learnt(hidden).values():
        above = curve.ema.loss_nats - hidden * math.log(2) / CELLS
        error = 4 * curve.ema.stderr_nats
        assert (above >= -error).all()
        assert bits_per_sequence(above[0]) == pytest.approx(CELLS - hidden, rel=1e-6)
        assert above[-1] < 0.01 * above[0] + error[-1]
        assert error[-1] < 0.01 * above[0]


@pytest.mark.slow
def test_bits_that_must_be_inferred_take_a_longer_model_than_those_that_are_shown(learnt):
    shown, inferred = (analysis.score(learnt(1)[rule], TEST) for rule in (15, 60))
    error = math.hypot(shown.model_stderr[-1], inferred.model_stderr[-1])
    assert inferred.model_bits[-1] - shown.model_bits[-1] > 4 * error
