"""Replays are read as often as was asked for, held-out sequences never."""

from typing import Any

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import (
    Noise,
    Replay,
    from_array,
    open_source,
)
from epiplexity_jax.sources.opening import parse
from epiplexity_jax.sources.split import Split


def opened(config) -> Any:
    return open_source(parse(config, "a") if isinstance(config, dict) else config)


def numbered(first=0, count=100, length=2, vocab_size=1 << 16):
    """Sequence i holds the number first + i."""
    numbers = np.arange(first, first + count)
    return from_array(np.repeat(numbers[:, None], length, 1), vocab_size=vocab_size)


def numbers(source):
    return source.read(np.arange(source.sequences))[:, 0].astype(int).tolist()


def test_a_replay_is_read_more_than_once():
    source = opened(Replay(source=numbered(), times=3))
    assert (source.sequences, source.info.replays) == (100, 3)
    split = Split(source, 10, 0)
    read = split.chunks(0, 0, 270, 1)[:, 0, 0].tolist()
    heldout = split.heldout(10)[:, 0].tolist()
    assert sorted([*read, *3 * heldout]) == sorted(3 * list(range(100)))
    assert sorted(numbers(source)) == list(range(100))
    with pytest.raises(ConfigError, match="^source: is drawn without end, so nothing of it comes"):
        opened(Replay(source=Noise(), times=2))
