"""Keys derived by name: the same everywhere, different for different names."""

import subprocess
import sys

import jax
import numpy as np
import pytest
from beartype.roar import BeartypeCallHintViolation

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.keys import Seed, generator, key


def data(k):
    return tuple(np.asarray(jax.random.key_data(k)).tolist())


PATHS = [
    (0,),
    (1,),
    (0, "data"),
    (0, "heldout"),
    (0, "data", 1),
    (0, "data", "1"),
    (0, 1, "data"),
    (0, "data", 1, 1),
    (0, "", "data"),
    (0, -1),
    (0, 2**40),
]


def test_every_path_has_its_own_key():
    assert len({data(key(*path)) for path in PATHS}) == len(PATHS)
    assert len({generator(*path).integers(2**62) for path in PATHS}) == len(PATHS)


def test_a_path_may_be_walked_in_parts():
    assert data(key(key(7, "data"), 3)) == data(key(7, "data", 3))


def test_equal_integers_give_equal_keys():
    assert data(key(0, "seed", np.int64(3))) == data(key(0, "seed", 3))
    assert generator(0, np.int32(3)).random() == generator(0, 3).random()


@pytest.mark.parametrize("name", [1.5, None, (1, 2)])
def test_a_name_is_a_string_or_an_integer(name):
    with pytest.raises((TypeError, BeartypeCallHintViolation)):
        key(0, name)


def test_another_process_derives_the_same():
    code = (
        "from epiplexity_jax.base.keys import generator, key; import jax;"
        "print(*jax.random.key_data(key(5, 'init', 2)), generator(5, 'init', 2).integers(2**62))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = (*data(key(5, "init", 2)), int(generator(5, "init", 2).integers(2**62)))
    assert tuple(int(word) for word in other.stdout.split()) == here


def test_keys_do_not_change_between_versions():
    """Published results name a seed; a change here changes every one of them."""
    assert data(key(0, "data", 1)) == (3499050831, 1375116851)
    assert int(generator(0, "data", 1).integers(2**31)) == 116737290


LARGE = [2**31, 2**32 - 1, 2**32, 2**32 + 5, 2**33 + 5, 2**63 - 1, 2**63, 2**63 + 5, 2**64 - 1]


@pytest.mark.parametrize("implementation", ["threefry2x32", "rbg"])
def test_all_64_bits_of_a_seed_count(implementation):
    """JAX without 64-bit integers took the lower 32 of them, and raised on 2^63."""
    seeds = [0, 5, *LARGE]
    with jax.default_prng_impl(implementation):
        assert len({data(key(seed)) for seed in seeds}) == len(seeds)
        assert len({data(key(seed, "data")) for seed in seeds}) == len(seeds)
        for seed in (0, 5, 2**31, 2**32 - 1):
            assert data(key(seed)) == data(jax.random.key(seed))
    assert len({generator(seed, "data").integers(2**62) for seed in seeds}) == len(seeds)


@pytest.mark.parametrize("seed", [-1, 2**64, 2**80])
def test_a_seed_out_of_range_is_refused(seed):
    sentence = rf"^seed: expected an integer from 0 to 2\^64 - 1, got {seed}$"
    for draw in (key, generator):
        with pytest.raises(ConfigError, match=sentence):
            draw(seed, "data")


def test_seeds_of_configs_are_bounded_alike():
    class Seeded(Config):
        map_seed: Seed = 0

    assert Seeded(map_seed=2**64 - 1).map_seed == 2**64 - 1
    with pytest.raises(ConfigError, match=r"^map_seed: expected an integer from 0 to 2\^64 - 1, g"):
        Seeded(map_seed=2**64)
    with pytest.raises(ConfigError, match=r"^map_seed: input should be greater than or equal to 0"):
        Seeded(map_seed=-1)
