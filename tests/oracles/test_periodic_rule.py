"""Rule 15: each step shifts the ring by one cell and takes the complement.

After t steps Y[i] is X[i - t], complemented t times. In [X; Y] that cell stands cells + t places
before Y[i], or t places before it for the t cells i < t that come round the ring. The rule is a
bijection, so X is uniform, and what a context of any length tells is known by enumeration.
"""

import functools
import itertools

import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats
from epiplexity_jax.sweep.config import Heldout, Training

TEST = 1e6
CELLS = 5
ORDERS = {
    # steps of the rule: orders that reach nothing, cells that come round, all but some, all cells
    1: (0, 1, CELLS, CELLS + 1),
    2: (1, 2, CELLS + 1, CELLS + 2),
}


@functools.cache
def best_predictor(order, steps):
    """What `order` tokens tell of the next, on average over labels.

    Returns:
        Nats per label token of the best predictor from them, and the number of contexts.
    """
    contexts = {}
    for x in itertools.product((0, 1), repeat=CELLS):
        y = [x[i - steps] ^ steps % 2 for i in range(CELLS)]
        tokens = [2] * order + [*x, *y]  # 2 is the start symbol
        for i in range(order + CELLS, order + 2 * CELLS):
            contexts.setdefault(tuple(tokens[i - order : i]), np.zeros(2))[tokens[i]] += 1
    counts = np.array(list(contexts.values()))
    nats = entropy_nats(counts / counts.sum(axis=1, keepdims=True)) @ counts.sum(axis=1)
    return float(nats / counts.sum()), len(counts)


@pytest.fixture(scope="module")
def counts_of(tmp_path_factory):
    """Curves of n-grams by order, for so many steps of the rule."""

    @functools.cache
    def run(steps):
        runs = epx.run(
            epx.sources.ElementaryCA(rule=15, cells=CELLS, steps=steps, burn_in=3),
            epx.families.Ngram(orders=ORDERS[steps], seeds=1),
            recipe="fixed",
            store=tmp_path_factory.mktemp("counts") / "store",
            training=Training(steps=8, batch_size=4000),
            heldout=Heldout(tokens=100_000),
        )
        return {curve.order: curve for curve in runs.curves()}

    return run


@pytest.mark.parametrize(("steps", "order"), [(t, k) for t in ORDERS for k in ORDERS[t]])
def test_counts_learn_what_their_context_reaches_and_nothing_else(steps, order, counts_of):
    """A held-out loss has its error; counting may cost up to one nat per context."""
    curve = counts_of(steps)[order]
    known, contexts = best_predictor(order, steps)
    error, counting = 4 * curve.ema.stderr_nats[-1], contexts / curve.label_tokens[-1]
    assert known - error < curve.ema.loss_nats[-1] < known + error + counting
    assert error + counting < 0.005


@pytest.mark.parametrize("steps", ORDERS)
def test_the_orders_reach_what_they_are_named_for(steps):
    """The losses that are told apart: 1 bit, ever less of it, none."""
    known = [best_predictor(order, steps)[0] for order in ORDERS[steps]]
    assert known[0] == pytest.approx(np.log(2.0), rel=1e-12)
    assert known[-1] == 0.0
    assert known[-2] > 0.4 * np.log(2.0), "one token further back decides"
    assert (np.diff(known) < -0.005).all()


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """The shift and, beside it in one program, rule 0: labels that are always 0."""
    return epx.run(
        {
            name: epx.sources.ElementaryCA(rule=rule, cells=8, steps=1, burn_in=0)
            for name, rule in (("shift", 15), ("zeros", 0))
        },
        epx.families.Transformer(widths=(16,), depths=(1,), seeds=2),
        recipe="fixed",
        store=tmp_path_factory.mktemp("transformer") / "store",
        training=Training(steps=400, batch_size=32, warmup_steps=20),
        heldout=Heldout(tokens=50_000),
    )


@pytest.mark.slow
def test_a_transformer_learns_the_shift_completely(learnt):
    """Losses are positive, so what is left of them bounds H_T without an error bar."""
    for curve in learnt.curves("shift"):
        assert curve.entropy_rate_nats == 0.0
        assert curve.ema.loss_nats[0] == pytest.approx(np.log(2.0), rel=1e-6)
    frontier = learnt.frontier(TEST, "shift")
    found = frontier.at(frontier.budgets()[-1])
    assert 0.0 < found.entropy_bits_per_token < 1e-3


@pytest.mark.slow
def test_the_shift_is_structure_of_moderate_size(learnt):
    """Above what can be resolved and above a constant, below the code of the data or of the
    tokens trained on.
    """
    frontier = learnt.frontier(TEST, "shift")
    found = frontier.at(frontier.budgets()[-1])
    # One size is an edge, so the interval has open sides; the resolution is two standard errors.
    low, high = _within_two_errors(found)
    assert found.status == "ok"
    assert low > found.resolution_bits > 0.0
    constant = learnt.frontier(TEST, "zeros").at(frontier.budgets()[-1])
    assert low > _within_two_errors(constant)[1]
    assert high < frontier.uniform_bits
    assert high < learnt.curves()[0].label_tokens[-1]
    assert found.mdl_bits_interval[1] < frontier.uniform_bits


def _within_two_errors(found):
    bits, error = found.epiplexity_bits, found.resolution_bits
    return bits - error, bits + error
