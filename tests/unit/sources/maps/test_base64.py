"""Bytes as symbols of base64: those of the standard library, with the facts of the bytes."""

import base64
import math
import string

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import ElementaryCA, Markov, Noise, Retokenise, from_array, open_source

SYMBOLS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
ROWS = np.random.default_rng(3).integers(0, 256, (5, 12), dtype=np.uint8)


def opened(source, **options):
    return open_source(Retokenise(source=source, into="base64", **options))


def test_symbols_are_those_of_base64():
    source = opened(from_array(ROWS, vocab_size=256))
    rows = source.read(np.arange(5))
    written = ["".join(SYMBOLS[symbol] for symbol in row) for row in rows]
    assert written == [base64.b64encode(row.tobytes()).decode() for row in ROWS]


def test_drawn_symbols_are_those_of_the_drawn_bytes():
    noise = Noise(vocab_size=256, length=12)
    inner, source = open_source(noise), opened(noise)
    key = jax.random.key(0)
    before, after = (np.asarray(one.sampler(one.parameters, key, 7)) for one in (inner, source))
    again = opened(from_array(before.astype(np.uint8), vocab_size=256)).read(np.arange(7))
    assert np.array_equal(after, again)


def test_a_sequence_keeps_its_entropy_and_its_bytes():
    info = opened(Noise(vocab_size=256, length=12)).info
    assert (info.vocab_size, info.length) == (64, 16)
    assert math.isclose(info.entropy_rate_nats * info.label_tokens, 12 * math.log(256))


def test_characters_become_bytes_first():
    rows = np.array([[0, 1, 3]])
    source = opened(from_array(rows, vocab_size=4), alphabet="acgt")
    written = "".join(SYMBOLS[symbol] for symbol in source.read(np.array([0]))[0])
    assert base64.b64decode(written) == b"act"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Markov(vocab_size=5, length=12), "expected the 256 bytes, got 5 symbols"),
        (Noise(vocab_size=256, length=13), "expected a length that 3 divides, got 13"),
    ],
)
def test_what_is_no_bytes_or_has_a_rest_is_refused(source, said):
    with pytest.raises(ConfigError, match=said):
        opened(source)


def test_three_bytes_of_inputs_and_labels_are_refused():
    even = ElementaryCA(rule=30, cells=6, steps=1)  # 6 inputs, 6 labels: whole threes
    assert opened(even, alphabet="01").info.label_mask.sum() == 8
    uneven = ElementaryCA(rule=30, cells=4, steps=2, states=2)  # 4 inputs, 8 labels
    with pytest.raises(ConfigError, match="expected inputs alone or labels alone"):
        opened(uneven, alphabet="01")
