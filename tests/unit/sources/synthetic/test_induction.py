"""Hidden-bit induction: what is shown, and how much the hidden bits cost."""

import math
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import Induction, open_source
from epiplexity_jax.sources.synthetic.induction import is_left_permutive

LEFT_PERMUTIVE = [rule for rule in range(256) if is_left_permutive(rule)]


def evolved(state, rule, steps):
    """Wolfram's definition: [n, cells] to [n, cells]."""
    for _ in range(steps):
        left, right = np.roll(state, 1, axis=1), np.roll(state, -1, axis=1)
        state = rule >> (4 * left + 2 * state + right) & 1
    return state


def futures(rule, cells, steps, hidden):
    """How many states Y follow, for each of the visible parts [2^(cells - hidden)]."""
    every = np.arange(2**cells)
    state = every[:, None] >> np.arange(cells) & 1
    y = evolved(state, rule, steps) @ (1 << np.arange(cells))
    pairs = np.unique(np.stack([every >> hidden, y]), axis=1)
    return np.bincount(pairs[0])


def _source(**config) -> Any:
    return open_source(Induction(**config))


def _draw(count=50, **config):
    source = _source(**config)
    drawn = jax.jit(source.sampler, static_argnums=2)(source.parameters, jax.random.key(0), count)
    return np.asarray(drawn)


@pytest.mark.parametrize("cells", [9, 32, 40])
def test_a_sequence_is_the_visible_start_and_its_future(cells):
    whole = _draw(rule=30, cells=cells, steps=3, hidden=0)
    x, y = np.split(whole, 2, axis=1)
    assert np.array_equal(y, evolved(x, 30, 3))
    assert 0.4 < x.mean() < 0.6
    for hidden in (1, 5):
        drawn = _draw(rule=30, cells=cells, steps=3, hidden=hidden)
        assert np.array_equal(drawn, whole[:, hidden:])
        info = _source(rule=30, cells=cells, steps=3, hidden=hidden).info
        assert info.length == 2 * cells - hidden
        assert info.label_mask.tolist() == [False] * (cells - hidden) + [True] * cells


def test_left_permutive_rules():
    """There are 2^4, as f(0, c, r) is free: 30 and the shift 240, neither 110 nor its mirror 86."""
    assert len(LEFT_PERMUTIVE) == 16
    assert {15, 30, 90, 150, 240} < set(LEFT_PERMUTIVE)
    assert not {54, 86, 110, 170} & set(LEFT_PERMUTIVE)


@pytest.mark.parametrize("rule", LEFT_PERMUTIVE)
def test_the_future_gives_the_hidden_bits_away(rule):
    """Every ring of up to 8 cells on which the condition holds: 2^h futures, all equally likely."""
    checked = 0
    for cells in range(3, 9):
        for steps in range(1, cells // 2 + 1):
            for hidden in range(1, cells - 2 * steps + 1):
                assert (futures(rule, cells, steps, hidden) == 2**hidden).all()
                source = _source(rule=rule, cells=cells, steps=steps, hidden=hidden)
                floor = source.info.entropy_rate_nats * cells
                assert floor == pytest.approx(hidden * math.log(2))
                checked += 1
    assert checked == 34


@pytest.mark.parametrize(("cells", "steps", "hidden"), [(8, 1, 7), (3, 2, 1), (6, 4, 2), (8, 3, 5)])
def test_without_the_condition_bits_may_be_lost(cells, steps, hidden):
    """Some visible part of rule 30 then leaves fewer than 2^h futures, so the floor is lower."""
    assert (futures(30, cells, steps, hidden) < 2**hidden).any()
    info = _source(rule=30, cells=cells, steps=steps, hidden=hidden).info
    assert info.entropy_rate_nats is None


def test_other_rules_may_forget():
    assert (futures(110, 8, 2, 3) < 2**3).any()
    assert _source(rule=110, cells=8, steps=2, hidden=3).info.entropy_rate_nats is None


@pytest.mark.parametrize("rule", [30, 110])
def test_nothing_hidden_costs_nothing(rule):
    assert _source(rule=rule, cells=8, steps=20, hidden=0).info.entropy_rate_nats == 0


def test_something_must_be_visible():
    assert _source(cells=5, hidden=4, steps=1).info.length == 6
    with pytest.raises(ConfigError, match="^hidden: must be less than cells, which is 5, got 5$"):
        Induction(cells=5, hidden=5)
