"""Subsamples: as many as asked for, none twice, whatever else is read."""

from typing import Any

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import (
    ElementaryCA,
    Noise,
    Subsample,
    from_array,
    open_source,
)
from epiplexity_jax.sources.opening import parse
from epiplexity_jax.sources.spec import HostSource


def opened(config) -> Any:
    return open_source(parse(config, "a") if isinstance(config, dict) else config)


def numbered(first=0, count=100, length=2, vocab_size=1 << 16):
    """Sequence i holds the number first + i."""
    numbers = np.arange(first, first + count)
    return from_array(np.repeat(numbers[:, None], length, 1), vocab_size=vocab_size)


def numbers(source):
    return source.read(np.arange(source.sequences))[:, 0].astype(int).tolist()


@pytest.mark.parametrize(("size", "count"), [({"sequences": 30}, 30), ({"share": 0.29}, 29)])
def test_a_subsample_has_so_many_and_none_twice(size, count):
    source = opened(Subsample(source=numbered(), **size))
    assert source.sequences == len(set(numbers(source))) == count
    assert set(numbers(source)) < set(range(100))
    assert max(numbers(source)) > 60


def test_every_sequence_has_the_same_chance():
    """The mean number over 200 seeds, within 5 standard errors."""
    means = [
        np.mean(numbers(opened(Subsample(source=numbered(), share=0.2, map_seed=seed))))
        for seed in range(200)
    ]
    error = np.sqrt((100**2 - 1) / 12 / 20 * (1 - 0.2) / 200)
    assert abs(np.mean(means) - 49.5) < 5 * error


def test_the_ends_of_a_subsample():
    assert sorted(numbers(opened(Subsample(source=numbered(), share=1)))) == list(range(100))
    assert opened(Subsample(source=numbered(), share=0.001)).sequences == 1
    with pytest.raises(DataError, match="^sequences: the source holds 100, fewer than the 101 ask"):
        opened(Subsample(source=numbered(), sequences=101))
    with pytest.raises(ConfigError, match="^share: a drawn source has no end to share; give sequ"):
        opened(Subsample(source=Noise(), share=0.5))
    with pytest.raises(ConfigError, match="^sequences: give sequences or share, one of the two$"):
        Subsample(source=Noise(), sequences=5, share=0.5)


def test_sequences_of_a_drawn_source():
    """Sequence i does not depend on how many there are, nor on what was read before."""
    few, many = (opened(Subsample(source=Noise(length=5), sequences=n)) for n in (300, 700))
    assert isinstance(few, HostSource)
    order = np.array([299, 0, 255, 256, 299])
    some = few.read(order)
    assert some.dtype == np.uint8
    assert np.array_equal(some, many.read(np.arange(700))[order])
    assert np.array_equal(some, few.read(np.arange(300))[order])
    assert len(np.unique(many.read(np.arange(700)), axis=0)) == 700
    other = opened(Subsample(source=Noise(length=5), sequences=300, map_seed=1))
    assert not np.array_equal(few.read(order), other.read(order))
    with pytest.raises(IndexError):
        few.read(np.array([300]))


def test_what_is_drawn_comes_from_the_source():
    """The automaton's Y follows from X in every sequence: shown by rule 15, which copies."""
    config = ElementaryCA(rule=15, cells=8, steps=1, burn_in=0)
    source = opened(Subsample(source=config, sequences=300))
    x, y = np.split(source.read(np.arange(300)), 2, axis=1)
    assert np.array_equal(y, 1 - np.roll(x, 1, axis=1))
    assert source.info.entropy_rate_nats == 0
