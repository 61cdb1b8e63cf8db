"""Cellular automata: packed words against a naive evolution and rules known by their formula."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import ElementaryCA, Reorder, open_source
from epiplexity_jax.sources.synthetic.automata import evolve, pack, rule_masks, unpack

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


def drawn(config, count=40, seed=0):
    """Sequences at a fixed key, [count, L]."""
    source: Any = open_source(config)
    return np.asarray(_draw(source.sampler, source.parameters, jax.random.key(seed), count))


def draw(count=40, seed=0, **config):
    """X and the states behind it, of samples at a fixed key: [count, cells] each."""
    states = 1 + config.get("states", 1)
    return np.split(drawn(ElementaryCA(**config), count, seed), states, axis=1)


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


@pytest.mark.parametrize("cells", SIZES)
@pytest.mark.parametrize(("steps", "states"), [(6, 2), (6, 3), (4, 4)])
def test_states_in_between(cells, steps, states):
    x, *behind = draw(rule=54, cells=cells, steps=steps, burn_in=2, states=states)
    direct = draw(rule=54, cells=cells, steps=steps, burn_in=2)
    assert len(behind) == states
    for i, state in enumerate(behind, start=1):
        assert np.array_equal(state, naive(x, 54, i * steps // states))
    assert np.array_equal(x, direct[0])
    assert np.array_equal(behind[-1], direct[1])


def test_what_is_paid_for_draws_the_same():
    """In the same program as any other rule."""
    options: dict[str, Any] = {"cells": 12, "steps": 6, "burn_in": 0, "states": 3}
    kinds = [
        ElementaryCA(rule=r, pay=pay, **options) for r in (30, 54) for pay in ("labels", "all")
    ]
    opened: Any = [open_source(kind) for kind in kinds]
    assert len({source.sampler for source in opened}) == 1
    assert len({source.info.fingerprint for source in opened}) == 4
    assert np.array_equal(drawn(kinds[0]), drawn(kinds[1]))
    assert opened[0].info.label_mask.tolist() == [False] * 12 + [True] * 36
    assert opened[0].info.entropy_rate_nats == 0.0
    assert not opened[0].info.has_bos
    assert opened[1].info.label_mask.tolist() == [True] * 48
    assert opened[1].info.has_bos


@pytest.mark.parametrize(
    ("config", "bits"),
    [
        ({"rule": 30, "cells": 40, "burn_in": 0}, 40),
        ({"rule": 30, "cells": 40, "burn_in": 0, "states": 8}, 40),
        ({"rule": 170, "cells": 40, "burn_in": 9}, 40),
        ({"rule": 30, "cells": 12, "burn_in": 2}, 11.7392),
        ({"rule": 30, "cells": 40, "burn_in": 2}, None),
    ],
)
def test_entropy_where_all_is_paid_for(config, bits):
    """That of X, in either order; only an unbounded observer is sure to come near it."""
    config = ElementaryCA(steps=8, pay="all", **config)
    reverse = Reorder(source=config, order="reverse", of="segments", segments=1 + config.states)
    for info in (open_source(config).info, open_source(reverse).info):
        assert info.label_mask.all()
        assert info.length == (1 + config.states) * config.cells
        assert info.rate_is_unbounded == (bits is not None)
        if bits is None:
            assert info.entropy_rate_nats is None
        else:
            assert info.entropy_rate_nats is not None
            nats = info.entropy_rate_nats * info.label_tokens
            assert nats == pytest.approx(bits * math.log(2), rel=1e-5)


def test_y_before_x():
    config = ElementaryCA(rule=30, cells=9, steps=2, burn_in=0, pay="all")
    reverse = Reorder(source=config, order="reverse", of="segments", segments=2)
    y, x = np.split(drawn(reverse), 2, axis=1)
    assert np.array_equal(np.concatenate([x, y], axis=1), drawn(config))
    assert np.array_equal(y, naive(x, 30, 2))


@pytest.mark.parametrize(
    ("config", "fingerprint"),
    [
        ({"rule": 54}, "d896f3390f555e44"),
        ({"rule": 30, "cells": 32, "steps": 8}, "baf4838c35ffe2e4"),
        ({"rule": 110, "cells": 65, "steps": 5, "burn_in": 0}, "d7e82ce019ff2d38"),
    ],
)
def test_stored_runs_keep_their_names(config, fingerprint):
    """Of sources that were there before `states` and `pay`."""
    for same in ({}, {"states": 1}, {"pay": "labels"}):
        assert open_source(ElementaryCA(**config, **same)).info.fingerprint == fingerprint


def test_states_that_do_not_divide_the_steps():
    with pytest.raises(ConfigError) as caught:
        ElementaryCA(rule=54, steps=8, states=3)
    assert str(caught.value) == "states: expected a divisor of steps, which is 8, got 3"


@pytest.mark.parametrize("cells", [1, 2, *SIZES, 64])
def test_pack_is_the_inverse_of_unpack(cells):
    bits = jax.random.bits(jax.random.key(2), (7, cells), jnp.uint32) & 1
    assert np.array_equal(unpack(pack(bits.astype(jnp.int32)), cells), bits)
