"""Deterministic binary labels flipped with rate e: H_T per label rises by the binary entropy of e.

The labels are those of two shifts, which n-grams that reach the right cell and a small transformer
learn completely, so what is left is the flips.
"""

import functools
import math

import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats
from epiplexity_jax.sweep.config import Heldout, Training

RATES = (0.0, 0.1, 0.3)
TEST = 1e6
CELLS = 5
# One step of rule 15 is the left neighbour's complement, CELLS + 1 tokens back; of rule 170 the
# right neighbour, CELLS - 1 tokens back. The last cell's right neighbour is 2 CELLS - 1 back.
ORDERS = {15: CELLS + 1, 170: 2 * CELLS - 1}


def binary_entropy(rate):
    """Nats."""
    return float(entropy_nats(np.array([rate, 1 - rate])))


def flipped(rate, rule, cells=CELLS):
    automaton = epx.sources.ElementaryCA(rule=rule, cells=cells, steps=1, burn_in=2)
    return epx.sources.FlipLabels(rate=rate, source=automaton)


@pytest.fixture(scope="module")
def counts_of(tmp_path_factory):
    """Curves of n-grams by rate, for a rule."""

    @functools.cache
    def run(rule):
        runs = epx.run(
            {f"{rate:g}": flipped(rate, rule) for rate in RATES},
            epx.families.Ngram(orders=(ORDERS[rule],), seeds=1),
            recipe="fixed",
            store=tmp_path_factory.mktemp("counts") / "store",
            training=Training(steps=8, batch_size=4000),
            heldout=Heldout(tokens=100_000),
        )
        return {float(curve.source): curve for curve in runs.curves()}

    return run


@pytest.mark.parametrize("rule", ORDERS)
def test_the_loss_of_counts_rises_by_the_binary_entropy_of_the_rate(rule, counts_of):
    """Half a nat per context is what counting costs, one nat bounds it."""
    curves = counts_of(rule)
    clean = curves[0.0].ema
    assert clean.loss_nats[-1] < 1e-2
    for rate, curve in curves.items():
        counting = 2.0 ** ORDERS[rule] / curve.label_tokens[-1]
        rise = curve.ema.loss_nats[-1] - clean.loss_nats[-1]
        error = 4 * math.hypot(curve.ema.stderr_nats[-1], clean.stderr_nats[-1])
        assert curve.entropy_rate_nats == pytest.approx(binary_entropy(rate), rel=1e-12)
        assert abs(rise - binary_entropy(rate)) < error + counting
        assert error + counting < 0.1 * binary_entropy(0.1)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """One compiled program: the rate is a value."""
    return epx.run(
        {f"{rate:g}": flipped(rate, 15, cells=6) for rate in RATES},
        epx.families.Transformer(widths=(16,), depths=(1,), seeds=1),
        recipe="fixed",
        store=tmp_path_factory.mktemp("transformer") / "store",
        training=Training(steps=500, batch_size=64, warmup_steps=20),
        heldout=Heldout(tokens=100_000),
    )


@pytest.mark.slow
def test_the_entropy_of_a_transformer_rises_by_the_binary_entropy_of_the_rate(learnt):
    """Within its error and a hundredth of a bit, which training leaves to be learnt."""
    found, errors = {}, {}
    for curve in learnt.curves():
        frontier = learnt.frontier(TEST, curve.source)
        rate = float(curve.source)
        found[rate] = frontier.at(frontier.budgets()[-1]).entropy_bits_per_token
        errors[rate] = 4 * curve.ema.stderr_nats[-1] / math.log(2)
    assert found[0.0] < 1e-3
    for rate in RATES[1:]:
        rise, known = found[rate] - found[0.0], binary_entropy(rate) / math.log(2)
        assert known - errors[rate] < rise < known + errors[rate] + 0.01
    assert max(errors.values()) < 0.02


@pytest.mark.slow
def test_no_model_goes_below_the_flips(learnt, counts_of):
    for curve in [*learnt.curves(), *counts_of(15).values(), *counts_of(170).values()]:
        above = curve.ema.loss_nats - curve.entropy_rate_nats
        assert (above > -4 * curve.ema.stderr_nats).all()
        assert above[0] == pytest.approx(math.log(2) - curve.entropy_rate_nats, rel=1e-6)
