"""Cellular automata: packed words against a naive evolution and rules known by their formula."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.sources import ElementaryCA, open_source
from epiplexity_jax.sources.synthetic.automata import evolve, rule_masks, unpack

RULES = [0, 15, 30, 54, 90, 110, 184, 255]
SIZES = [3, 31, 32, 33, 65]


def naive(state, rule, steps):
    """Wolfram's definition, a cell at a time: [n, cells] to [n, cells]."""
    cells = state.shape[1]
    for _ in range(steps):
        after = np.empty_like(state)
        for i in range(cells):
            left, centre, right = state[:, i - 1], state[:, i], state[:, (i + 1) % cells]
            after[:, i] = rule >> (4 * left + 2 * centre + right) & 1
        state = after
    return state


@functools.partial(jax.jit, static_argnames=("sampler", "count"))
def _draw(sampler, parameters, key, count):
    return sampler(parameters, key, count)


def draw(count=40, seed=0, **config):
    """X and Y of samples at a fixed key: [count, cells] each."""
    source: Any = open_source(ElementaryCA(**config))
    drawn = _draw(source.sampler, source.parameters, jax.random.key(seed), count)
    return np.split(np.asarray(drawn), 2, axis=1)


@pytest.mark.parametrize("cells", SIZES)
@pytest.mark.parametrize("rule", RULES)
def test_y_is_x_evolved(rule, cells):
    x, y = draw(rule=rule, cells=cells, steps=5, burn_in=4)
    assert np.array_equal(y, naive(x, rule, 5))


@pytest.mark.parametrize("cells", SIZES)
def test_x_is_the_start_evolved(cells):
    """The same key starts from the same bits, whatever the burn-in."""
    start, _ = draw(rule=30, cells=cells, steps=1, burn_in=0)
    x, _ = draw(rule=30, cells=cells, steps=1, burn_in=7)
    assert np.array_equal(x, naive(start, 30, 7))


@pytest.mark.parametrize("cells", SIZES)
def test_every_rule_in_one_step(cells):
    """All 256 rules on the same rings, the bits behind the last cell being anything."""
    words = -(-cells // 32)
    ring = tuple(jax.random.bits(jax.random.key(1), (words, 6), jnp.uint32))
    state = np.asarray(unpack(ring, cells))
    step = jax.jit(lambda masks: unpack(evolve(ring, masks, cells), cells))
    for rule in range(256):
        assert np.array_equal(step(jnp.asarray(rule_masks(rule))), naive(state, rule, 1)), rule


@pytest.mark.parametrize(
    ("rule", "formula"),
    [
        (15, lambda left, centre, right: 1 - left),
        (30, lambda left, centre, right: left ^ (centre | right)),
        (90, lambda left, centre, right: left ^ right),
        (150, lambda left, centre, right: left ^ centre ^ right),
        (170, lambda left, centre, right: right),
        (204, lambda left, centre, right: centre),
    ],
)
def test_rules_known_by_their_formula(rule, formula):
    x, y = draw(rule=rule, cells=33, steps=1, burn_in=3)
    assert np.array_equal(y, formula(np.roll(x, 1, axis=1), x, np.roll(x, -1, axis=1)))


def test_rule_15_shifts():
    """Each step negates and moves one cell to the right: 48 steps are a rotation by 48."""
    x, y = draw(rule=15, cells=64, steps=48, burn_in=10)
    assert np.array_equal(y, np.roll(x, 48, axis=1))


def test_rule_90_draws_sierpinskis_triangle():
    """From a single cell, row t holds the binomial coefficients of t, modulo 2."""
    cells, steps = 65, 31
    ring = (jnp.array([0], jnp.uint32), jnp.array([1], jnp.uint32), jnp.array([0], jnp.uint32))
    masks = jnp.asarray(rule_masks(90))
    row = np.array([1])
    for _ in range(steps):
        ring = evolve(ring, masks, cells)
        row = np.convolve(row, [1, 0, 1]) % 2
        expected = np.zeros(cells, int)
        half = len(row) // 2
        expected[32 - half : 33 + half] = row
        assert np.array_equal(unpack(ring, cells)[0], expected)


def test_starts_are_uniform_bits():
    """Cells and pairs of neighbours, the ring's seam among them: within 5 standard errors.

    Rule 0 would show in a single step too many.
    """
    count, cells = 2000, 33
    x, _ = draw(count=count, rule=0, cells=cells, steps=1, burn_in=0)
    for bits in (x, x ^ np.roll(x, 1, axis=1)):
        assert abs(bits.mean() - 0.5) < 5 * 0.5 / np.sqrt(count * cells)
        assert (abs(bits.mean(axis=0) - 0.5) < 5 * 0.5 / np.sqrt(count)).all()


def test_only_y_is_paid_for():
    info = open_source(ElementaryCA(rule=54, cells=20)).info
    assert info.length == 40
    assert info.label_mask.tolist() == [False] * 20 + [True] * 20
    assert not info.has_bos
    assert info.length == 2 * info.label_tokens
    assert info.entropy_rate_nats == 0.0
