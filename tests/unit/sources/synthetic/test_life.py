"""The Game of Life: packed words against a plain evolution, known patterns and known densities."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import Life, open_source
from epiplexity_jax.sources.synthetic.automata import pack, unpack
from epiplexity_jax.sources.synthetic.life import density_digits, evolve_grid, life_masks

SIZES = [(3, 3), (4, 7), (5, 32), (6, 33), (3, 65)]
RULES = ["B3/S23", "B36/S23", "B2/S", "B0/S012345678", "B12345678/S8", "B/S"]


def naive(grids, rule, steps):
    """The definition, by whole arrays: [n, rows, columns] to the same."""
    born, survives = (np.array([str(k) in part for k in range(9)]) for part in rule.split("/"))
    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    for _ in range(steps):
        count = sum(np.roll(grids, by, axis=(1, 2)) for by in around)
        grids = np.where(grids == 1, survives[count], born[count]).astype(int)
    return grids


@functools.partial(jax.jit, static_argnames=("sampler", "count"))
def _draw(sampler, parameters, key, count):
    return sampler(parameters, key, count)


def draw(count=40, seed=0, **config):
    """X and the grids behind it, of samples at a fixed key: [count, rows, columns] each."""
    config = Life(**config)
    source: Any = open_source(config)
    drawn = np.asarray(_draw(source.sampler, source.parameters, jax.random.key(seed), count))
    shape = (count, 1 + config.states, config.rows, config.columns)
    return np.moveaxis(drawn.reshape(shape), 1, 0)


def evolved(grids, rule="B3/S23", steps=1):
    """Grids [n, rows, columns] after a few steps of the fast evolution."""
    count, rows, columns = grids.shape
    words = tuple(
        word.reshape(count, rows).T for word in pack(jnp.asarray(grids.reshape(-1, columns)))
    )
    for _ in range(steps):
        words = evolve_grid(words, jnp.asarray(life_masks(rule)), columns)
    return np.asarray(unpack(words, columns)).reshape(grids.shape)


def board(text, rows=8, columns=9):
    """One grid with the pattern in its upper left corner, [1, rows, columns]."""
    grid = np.zeros((1, rows, columns), np.int32)
    for row, line in enumerate(text.split()):
        grid[0, row, : len(line)] = [cell == "#" for cell in line]
    return grid


@pytest.mark.parametrize(("rows", "columns"), SIZES)
@pytest.mark.parametrize("rule", RULES)
def test_y_is_x_evolved(rule, rows, columns):
    x, y = draw(rule=rule, rows=rows, columns=columns, steps=3)
    assert np.array_equal(y, naive(x, rule, 3))
    assert np.array_equal(evolved(x, rule, 3), y)


@pytest.mark.parametrize("count", range(9))
def test_every_number_of_neighbours(count):
    """Of a dead and of a living cell: each rule of one number by itself."""
    x, _ = draw(count=200, rows=5, columns=5, density=(count + 0.5) / 9)
    for rule in (f"B{count}/S", f"B/S{count}"):
        y = evolved(x, rule)
        assert y.any()
        assert np.array_equal(y, naive(x, rule, 1))


@pytest.mark.parametrize(("steps", "states"), [(6, 2), (4, 4)])
def test_states_in_between(steps, states):
    size: dict[str, Any] = {"rows": 6, "columns": 9, "steps": steps}
    x, *behind = draw(states=states, **size)
    direct = draw(**size)
    assert len(behind) == states
    for i, state in enumerate(behind, start=1):
        assert np.array_equal(state, naive(x, "B3/S23", i * steps // states))
    assert np.array_equal(x, direct[0])
    assert np.array_equal(behind[-1], direct[1])


def test_a_glider_moves_by_one_in_four_steps():
    glider = board(".#. ..# ###")
    for turns in range(1, 10):  # around the torus
        moved = np.roll(glider, (turns, turns), axis=(1, 2))
        assert np.array_equal(evolved(glider, steps=4 * turns), moved)
        assert not np.array_equal(evolved(glider, steps=4 * turns - 1), moved)


def test_a_blinker_has_period_two_and_a_block_is_still():
    blinker, block = board("... ### ..."), board(".... .##. .##.")
    assert np.array_equal(evolved(blinker), board(".#. .#. .#."))
    assert np.array_equal(evolved(blinker, steps=2), blinker)
    assert np.array_equal(evolved(block), block)


@pytest.mark.parametrize(
    ("steps", "expected"), [(1, 140 / 512), (2, 0.253191), (3, 0.250404), (4, 0.238131)]
)
def test_how_many_live(steps, expected):
    """At density 1/2: exact after a step, and else of 4.1e6 cells that another program drew.

    Within 6 standard errors, cells near each other being dependent: those come from the grids.
    """
    count = 4000
    shares = draw(count=count, steps=steps)[1].mean(axis=(1, 2))
    error = shares.std() * math.sqrt(1 / count + (0 if steps == 1 else 256 / 4.1e6))
    assert abs(shares.mean() - expected) < 6 * error


@pytest.mark.parametrize("density", [0.5, 0.25, 0.75, 0.3, 0.001, 1.0])
def test_starts_have_their_density(density):
    """Cells and pairs of neighbours, the torus's seams among them: within 5 standard errors."""
    count, rows, columns = 2000, 5, 7
    x = draw(count=count, rows=rows, columns=columns, steps=1, density=density)[0]
    pairs = [x & np.roll(x, 1, axis=axis) for axis in (1, 2)]
    for bits, p in ((x, density), *((pair, density**2) for pair in pairs)):
        error = math.sqrt(p * (1 - p) / count)
        assert abs(bits.mean() - p) <= 5 * error / math.sqrt(rows * columns) * math.sqrt(3)
        assert (abs(bits.mean(axis=0) - p) <= 6 * error + 1 / count).all()


@pytest.mark.parametrize("density", [0.5, 0.75, 0.3, 1e-9, 1e-12, 1 - 2**-32, 1.0])
def test_digits_of_a_density(density):
    """Written out again, they are the nearest multiple of 2^-32 above 0."""
    count, masks = density_digits(density)
    written = [1, *(int(mask) & 1 for mask in masks)][:count]
    value = sum(digit / 2 ** (count - i) for i, digit in enumerate(written)) if count else 1.0
    assert value == max(1, round(density * 2**32)) / 2**32
    assert len(masks) == max(0, count - 1)


def test_facts():
    info = open_source(Life(rows=4, columns=5, steps=6, states=3)).info
    assert info.label_mask.tolist() == [False] * 20 + [True] * 60
    assert info.entropy_rate_nats == 0.0
    assert info.rate_is_unbounded
    same = [open_source(Life(rule=rule)).info.fingerprint for rule in ("B3/S23", "B3/S32")]
    assert same[0] == same[1] == open_source(Life()).info.fingerprint


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"steps": 4, "states": 3}, "states: expected a divisor of steps, which is 4, got 3"),
        (
            {"rule": "23/3"},
            "rule: expected B and S with numbers of neighbours from 0 to 8, such as B3/S23, "
            "got '23/3'",
        ),
        ({"density": 0}, "density: input should be greater than 0, got 0"),
        ({"density": 1.5}, "density: input should be less than or equal to 1, got 1.5"),
        ({"rows": 2}, "rows: input should be greater than or equal to 3, got 2"),
    ],
)
def test_complaints(config, sentence):
    with pytest.raises(ConfigError) as caught:
        Life(**config)
    assert str(caught.value) == sentence
