"""A repeated token: one uniform choice a sequence."""

import math
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.sources import Repeat, open_source


def draw(count, **config):
    source: Any = open_source(Repeat(**config))
    return np.asarray(source.sampler(source.parameters, jax.random.key(0), count)), source.info


def test_a_sequence_is_one_token_over_and_over():
    tokens, info = draw(3000, vocab_size=7, length=9)
    assert (tokens == tokens[:, :1]).all()
    counts = np.bincount(tokens[:, 0], minlength=7)
    error = np.sqrt(3000 * 1 / 7 * 6 / 7)
    assert (abs(counts - 3000 / 7) < 5 * error).all()
    assert info.has_bos


@pytest.mark.parametrize(("vocab", "length"), [(2, 1), (96, 128)])
def test_the_entropy_of_a_sequence_is_that_of_its_first_token(vocab, length):
    _, info = draw(1, vocab_size=vocab, length=length)
    assert info.entropy_rate_nats == math.log(vocab) / length
