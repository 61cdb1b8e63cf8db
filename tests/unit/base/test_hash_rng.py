"""Random numbers by counter: SplitMix64's own numbers, uniform along every counter."""

import numpy as np
import pytest

from epiplexity_jax.base import hash_rng

N = 1 << 16
PLACES = np.arange(N)
# Along the first counter, the second, and both.
RUNS = {
    "first": (PLACES, np.array([7])),
    "second": (np.array([7]), PLACES),
    "both": (PLACES[: 1 << 8, None], PLACES[None, : 1 << 8]),
    "far": (PLACES + (1 << 40), PLACES * 3),
}


def test_the_mixing_is_that_of_splitmix64():
    """The published generator's first two numbers from state 0."""
    states = np.array([1, 2], np.uint64) * np.uint64(hash_rng._GOLDEN)
    assert hash_rng._mix(states).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


@pytest.mark.parametrize("run", RUNS)
def test_every_bit_is_fair(run):
    """Of 65536 words, alone and against the next word, within 5 standard errors."""
    words = hash_rng.bits(3, "test", *RUNS[run]).ravel()
    assert (words.size, words.dtype) == (N, np.uint64)
    assert len(np.unique(words)) == N
    for looked_at in (words, words ^ np.roll(words, 1)):
        ones = (looked_at[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).mean(axis=0)
        assert np.abs(ones - 0.5).max() < 5 * 0.5 / np.sqrt(N)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("limit", [2, 3, 100])
def test_integers_are_uniform(run, limit):
    """Chi square within 5 standard deviations of its mean."""
    drawn = hash_rng.below(limit, 4, "test", *RUNS[run]).ravel()
    counts = np.bincount(drawn, minlength=limit)
    assert len(counts) == limit
    chi2 = ((counts - N / limit) ** 2 / (N / limit)).sum()
    assert chi2 < limit - 1 + 5 * np.sqrt(2 * (limit - 1))


def test_uniform_numbers():
    drawn = hash_rng.uniform(0, "test", PLACES)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 5 / np.sqrt(12 * N)
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 5 / np.sqrt(N)


def test_seeds_and_names_are_apart():
    words = [hash_rng.bits(*of, PLACES) for of in ((0, "a"), (1, "a"), (0, "b"))]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        differ = words[one] ^ words[other]
        ones = differ[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
        assert abs(ones.mean() - 0.5) < 5 * 0.5 / np.sqrt(64 * N)


def test_a_word_is_a_function_of_its_counters():
    rows, places = np.array([5, 900, 5]), np.arange(10)
    words = hash_rng.bits(1, "test", rows[:, None], places[None])
    assert words.shape == (3, 10)
    assert np.array_equal(words[0], words[2])
    assert words[1, 4] == hash_rng.bits(1, "test", np.array([900]), np.array([4]))[0]
