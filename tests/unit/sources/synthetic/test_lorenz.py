"""Lorenz system: trajectories against a plain integrator, cells against the known measure."""

import functools
import math
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import Lorenz, open_source
from epiplexity_jax.sources.synthetic import lorenz

BOX = (np.array([-20.0, -30.0, 0.0]), np.array([20.0, 30.0, 50.0]))


def slope(state):
    x, y, z = state
    beta = state.dtype.type(8 / 3)
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - beta * z])


def evolved(state, h, steps):
    """The classical Runge-Kutta method in the precision of the state [3, n]; h: [] or [n]."""
    half, sixth = state.dtype.type(0.5) * h, state.dtype.type(1 / 6) * h
    for _ in range(steps):
        k1 = slope(state)
        k2 = slope(state + half * k1)
        k3 = slope(state + half * k2)
        k4 = slope(state + h * k3)
        state = state + sixth * (k1 + 2 * (k2 + k3) + k4)
    return state


@functools.partial(jax.jit, static_argnames=("sampler", "count"))
def _draw(sampler, parameters, key, count):
    return sampler(parameters, key, count)


def draw(count, seed=0, **config):
    source: Any = open_source(Lorenz(**config))
    return np.asarray(_draw(source.sampler, source.parameters, jax.random.key(seed), count))


def entropy_bits(tokens, bits):
    """Entropy of rows of tokens, with the bias correction of Miller and Madow."""
    codes = np.ravel_multi_index(tuple(tokens.T), tuple(1 << b for b in bits))
    shares = np.bincount(codes) / len(codes)
    shares = shares[shares > 0]
    nats = -(shares * np.log(shares)).sum() + (len(shares) - 1) / (2 * len(codes))
    return nats / math.log(2)


@pytest.fixture(scope="module")
def states():
    """Cells of 4 bits at 0.1 Lyapunov times from the invariant measure."""
    return draw(1 << 16, time=0.1, start=False)


@pytest.mark.as_users
def test_trajectories_are_numpys_bit_for_bit():
    """In single precision, through the burn-in and 30 Lyapunov times more."""
    source: Any = open_source(Lorenz(time=30))
    values, key = source.parameters, jax.random.key(0)
    low, width, burn_step, step = (np.asarray(value) for value in values[:4])
    places = np.asarray(jax.random.uniform(lorenz.keys.key(key, "start"), (3, 64)))
    share = np.asarray(jax.random.uniform(lorenz.keys.key(key, "burn_in"), (64,)))
    half = np.float32(0.5)
    start = low[:, None] + width[:, None] * places
    start = evolved(start, burn_step * (half + half * share), source.sampler.burn_steps)
    later = evolved(start, step, source.sampler.steps)
    assert later.dtype == np.float32
    seen = []
    for state in (start, later):
        x, y, z = (jnp.asarray(value) for value in state)
        seen.append(np.asarray(lorenz.cells((x, y, z), values.scale, values.cells)))
    assert np.array_equal(draw(64, time=30), np.concatenate(seen, axis=1))


@pytest.mark.as_users
@pytest.mark.parametrize("count", [1, 7, 64])
def test_a_batch_does_not_depend_on_what_is_drawn_beside_it(count):
    """Alone and in a chunk of 5, after 30 Lyapunov times."""
    source: Any = open_source(Lorenz(time=30))
    keys = jax.random.split(jax.random.key(3), 5)
    chunk = jax.jit(jax.vmap(lambda v, k: source.sampler(v, k, count), (None, 0)))
    together = np.asarray(chunk(source.parameters, keys))
    for key, batch in zip(keys, together, strict=True):
        assert np.array_equal(batch, _draw(source.sampler, source.parameters, key, count))


def test_single_precision_is_near_to_double():
    places = np.random.Generator(np.random.Philox(0)).uniform(size=(3, 50))
    start = BOX[0][:, None] + (BOX[1] - BOX[0])[:, None] * places
    for steps, tolerance in ((10, 1e-4), (100, 1e-2)):
        single = evolved(start.astype(np.float32), np.float32(0.01), steps)
        assert abs(single - evolved(start, 0.01, steps)).max() < tolerance


def test_a_step_has_an_error_of_order_four():
    """Half the step, a sixteenth of the error."""
    start = np.array([[1.0], [2.0], [20.0]])
    exact = evolved(start, 1e-4, 5000)
    errors = [abs(evolved(start, h, round(0.5 / h)) - exact).max() for h in (0.01, 0.005)]
    assert 12 < errors[0] / errors[1] < 20


def test_an_error_grows_by_e_in_a_lyapunov_time():
    """Neighbours on the attractor, from 2 time units after they were parted to 20."""
    start = np.random.Generator(np.random.Philox(1)).uniform(-1, 1, size=(3, 1000))
    start = evolved(start + [[0.0], [0.0], [25.0]], 0.01, 2500)
    near = start + 1e-11 * np.array([[1.0], [0.0], [0.0]])
    distances = []
    for duration in (2.0, 18.0):
        start, near = (evolved(s, 0.01, round(100 * duration)) for s in (start, near))
        distances.append(np.log(np.linalg.norm(near - start, axis=0)))
    rates = (distances[1] - distances[0]) / 18
    assert abs(rates.mean() - lorenz.LYAPUNOV) < 5 * rates.std() / math.sqrt(1000)
    assert rates.std() / math.sqrt(1000) < 0.005


@pytest.mark.parametrize("bits", [(4, 4, 4), (3, 1, 6)])
def test_tokens_are_the_cells_of_the_trajectory(bits):
    """From uniform starts, which are the first draw of the key."""
    tokens = draw(500, time=0.2, measure="uniform", bits=bits)
    places = jax.random.uniform(lorenz.keys.key(jax.random.key(0), "start"), (3, 500))
    start = np.array([[-20.0], [-20.0], [0.0]]) + 40 * np.asarray(places, np.float64)
    later = evolved(start, 0.2 / lorenz.LYAPUNOV / 23, 23)
    for state, shown in ((start, tokens[:, :3]), (later, tokens[:, 3:])):
        place = (state.T - BOX[0]) / (BOX[1] - BOX[0]) * [1 << b for b in bits]
        inside = abs(place - np.round(place)) > 1e-3  # others may be rounded to their neighbour
        expected = np.clip(np.floor(place), 0, [(1 << b) - 1 for b in bits])
        assert inside.mean() > 0.98
        assert (expected == shown)[inside].all()


def test_cells_beyond_the_box_are_the_outermost():
    state = tuple(jnp.asarray(v, jnp.float32) for v in ([-99, 20, 99], [-31, 0, 31], [-1, 25, 60]))
    x, y, z = state
    found = lorenz.cells((x, y, z), jnp.array([0.4, 4 / 60, 0.16]), jnp.array([16, 4, 8]))
    assert found.tolist() == [[0, 0, 0], [15, 2, 4], [15, 3, 7]]


@pytest.mark.parametrize(
    ("bits", "expected"),
    [((4, 4, 4), 7.553), ((4, 3, 3), 6.252), ((3, 3, 3), 5.532), ((2, 2, 2), 3.854)],
)
def test_the_entropy_of_the_invariant_measure(states, bits, expected):
    """Against Monte Carlo of another program, 2e5 states: 0.03 bits are 5 standard errors."""
    found = entropy_bits(states >> (4 - np.array(bits)), bits)
    assert abs(found - expected) < 0.03


def test_written_entropies_are_those_of_the_draws():
    """Within what two decimals and four standard errors of 2.6e5 draws leave."""
    more = draw(1 << 18, time=0.1, start=False)
    written = re.findall(r"(\d\.\d\d) (?:bits of a state )?for\s", lorenz.open_lorenz.__doc__ or "")
    sizes = [(4, 4, 4), (4, 3, 3), (3, 3, 3), (2, 2, 2)]
    found = [entropy_bits(more >> (4 - np.array(bits)), bits) for bits in sizes]
    np.testing.assert_allclose([float(each) for each in written], found, atol=0.016)


def test_the_entropy_of_x_alone(states):
    assert abs(entropy_bits(states[:, :1], (4,)) - 3.647) < 0.02


def test_fewer_bits_are_the_leading_ones(states):
    few = draw(1 << 10, time=0.1, start=False, bits=(4, 3, 2))
    assert (few == draw(1 << 10, time=0.1, start=False) >> np.array([0, 1, 2])).all()
    assert open_source(Lorenz(bits=(4, 3, 5))).info.vocab_size == 32


def test_the_start_and_the_later_state_have_one_distribution():
    tokens = draw(1 << 15, time=1.3)
    for part in (tokens[:, :3], tokens[:, 3:]):
        assert abs(entropy_bits(part, (4, 4, 4)) - 7.553) < 0.04


def test_uniform_starts_end_in_the_invariant_measure():
    tokens = draw(1 << 14, time=30, measure="uniform")
    assert abs(entropy_bits(tokens[:, 3:], (4, 4, 4)) - 7.553) < 0.05
    # x and z take all cells of their sides but those of z above 40, y two thirds of its cells.
    assert abs(entropy_bits(tokens[:, :1], (4,)) - 4) < 0.01
    assert tokens[:, 2].max() == 12


@pytest.mark.as_users
def test_equal_keys_have_equal_trajectories():
    """With and without the start, which is the same for every time, 30 Lyapunov times among them.

    From other keys it is another one.
    """
    starts = []
    for time in (0.1, 2.0, 30.0):
        whole = draw(300, time=time)
        assert np.array_equal(whole[:, 3:], draw(300, time=time, start=False))
        starts.append(whole[:, :3])
    assert np.array_equal(starts[0], starts[1])
    assert np.array_equal(starts[0], starts[2])
    assert not np.array_equal(starts[0], draw(300, seed=1, time=0.1)[:, :3])


@pytest.mark.parametrize(("time", "expected"), [(0.1, 2.29), (1, 0.87), (4, 0.27), (30, 0.0)])
def test_what_the_start_says_of_the_later_state_falls_to_nothing(time, expected):
    """Mutual information of the cells of 2 bits each; the numbers are those of 65,536 starts."""
    first, later = np.split(draw(1 << 14, time=time, bits=(2, 2, 2)), 2, axis=1)
    bits = (2,) * 6
    each = entropy_bits(first, bits[:3]) + entropy_bits(later, bits[3:])
    assert abs(each - entropy_bits(np.concatenate([first, later], axis=1), bits) - expected) < 0.04


def test_times_are_exact_in_equal_steps():
    for time, steps in ((0.1, 12), (0.9056, 100), (30.0, 3313)):
        found: Any = open_source(Lorenz(time=time))
        assert found.sampler.steps == steps
        assert math.isclose(float(found.parameters.step) * steps, time / 0.9056, rel_tol=1e-6)


def test_facts():
    info = open_source(Lorenz()).info
    assert (info.vocab_size, info.length) == (16, 6)
    assert info.label_mask.tolist() == [False] * 3 + [True] * 3
    assert info.entropy_rate_nats is None
    alone = open_source(Lorenz(start=False)).info
    assert alone.has_bos
    assert alone.label_tokens == alone.length == 3
    default = open_source(Lorenz(burn_in=15)).info
    assert default.fingerprint == info.fingerprint


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"time": 0}, "time: input should be greater than 0, got 0"),
        ({"time": math.inf}, "time: "),
        ({"bits": (4, 4)}, "bits"),
        ({"bits": (4, 4, 13)}, "bits"),
        (
            {"measure": "uniform", "burn_in": 3},
            "burn_in: expected none, as measure is uniform, got 3; leave it out",
        ),
    ],
)
def test_wrong_configs_are_refused(config, sentence):
    with pytest.raises(ConfigError) as caught:
        Lorenz(**config)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
