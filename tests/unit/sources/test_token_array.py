"""Arrays of tokens: checked, named by their values, and of one origin where they share data."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources import Text, Tokens, from_array, open_source, token_array
from epiplexity_jax.sources.token_array import TokenSequences, data_hash

VALUES = np.random.Generator(np.random.Philox(1)).integers(0, 100, 1003)


def opened(path, **config) -> TokenSequences:
    source = open_source(Tokens(path=str(path), **config))
    assert isinstance(source, TokenSequences)
    return source


def complaint(call, *args, error=DataError, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_every_reading_of_a_file_has_its_origin(tmp_path, monkeypatch):
    """Bytes taken for integers of any size and order are the same data."""
    VALUES[:1000].astype(np.uint8).tofile(tmp_path / "a.bin")
    (tmp_path / "link.bin").symlink_to(tmp_path / "a.bin")
    monkeypatch.chdir(tmp_path)
    readings = [
        opened("a.bin", dtype="uint8", length=9).info,
        opened("./a.bin", dtype="uint16", length=5).info,
        opened(tmp_path / "a.bin", dtype="uint16", byte_order="big").info,
        opened("link.bin", dtype="uint16").info,
        open_source(Text(path="a.bin", alphabet="".join(map(chr, range(128))))).info,
    ]
    for one, other in itertools.combinations(readings, 2):
        assert set(one.origins) & set(other.origins)


def test_what_begins_alike_has_one_origin():
    """A beginning of an array is a view of it; a header that files share is not enough."""
    whole = np.random.default_rng(0).integers(0, 9, 5000)
    origins = [set(from_array(whole[:n], length=8).info.origins) for n in (1024, 1025, 3000, 5000)]
    assert set.intersection(*origins)
    other = whole.copy()
    other[1000:] = (other[1000:] + 1) % 9
    assert not origins[-1] & set(from_array(other, length=8).info.origins)


@pytest.mark.parametrize(
    "tokens",
    [
        np.ma.array([1, 2, 3], mask=[0, 1, 0]),
        [np.ma.array([1, 2], mask=[0, 1]), np.array([3, 4])],
        np.ma.array([[1, 2], [3, 4]]),
    ],
)
def test_masked_arrays_are_refused(tokens):
    """NumPy would read what is behind the mask."""
    assert complaint(from_array, tokens) == (
        "tokens: is a masked array, whose masked values would be read; fill or drop them first"
    )


@pytest.mark.parametrize("tokens", [[], [[]], np.zeros(0, int), np.zeros((0, 3))])
def test_nothing_is_empty_whatever_its_type(tokens):
    assert complaint(from_array, tokens) == "tokens: is empty; there is nothing to measure"


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_hashes_tell_apart_what_runs_together(monkeypatch, block):
    monkeypatch.setattr(token_array, "_CHUNK", block)
    rows = ([1, 2], [0x201], [1, 2, 0], [0, 1, 2], [1, 0, 2], [1, 2, 0, 0])
    assert len({data_hash(np.array(row)) for row in rows}) == len(rows)


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("tokens", "config", "sentence"),
    [
        ([0, 1, 2, 3, 2, 9], {"vocab_size": 3}, "token 3 at position 3 is not in 0 to 2; raise v"),
        ([0, 1, -1, -2], {}, "token -1 at position 2 is not in 0 to 16777215; is the integer typ"),
        ([[0, 1], [1, 0], [0, 5]], {"vocab_size": 5}, "token 5 at row 2, column 1 is not in 0 to "),
        ([7] * 99 + [1 << 40], {"length": 9}, "token 1099511627776 at position 99 is not in 0 to"),
    ],
)
def test_a_token_outside_is_named_with_its_place(monkeypatch, tokens, config, sentence, block):
    monkeypatch.setattr(token_array, "_CHUNK", block)
    config = {"length": 2} | config
    assert complaint(from_array, np.array(tokens), **config).startswith(f"tokens: {sentence}")


@pytest.mark.parametrize(
    ("tokens", "config", "sentence"),
    [
        (np.zeros(300), {}, "holds float64, not integers; tokens are integers from 0"),
        (np.array(["a", "b"]), {}, "holds <U1, not integers"),
        (np.array([None] * 300), {}, "holds object, not integers"),
        (jnp.zeros(300, jnp.bfloat16), {}, "holds bfloat16, not integers"),
        (np.array(5), {}, "has 0 axes; give one row of tokens, or two axes whose rows are the"),
        (np.zeros((2, 3, 4), int), {}, "has 3 axes; give one row of tokens"),
        (np.zeros(0, int), {}, "is empty; there is nothing to measure"),
        (np.zeros((4, 0), int), {}, "is empty; there is nothing to measure"),
        (np.zeros((4, 9), int), {"length": 8}, "its rows are sequences of 9 tokens, but length is"),
        (np.zeros(127, int), {}, "has 127 tokens, less than one sequence of 128; bring more data"),
        (np.zeros(1, int), {"length": 1}, "has 1 token, less than one sequence of 2; bring more"),
        ([[1, 2], [3]], {}, "not an array: ValueError: "),
    ],
)
def test_arrays_of_no_use_are_refused(tokens, config, sentence):
    assert complaint(from_array, tokens, **config).startswith(f"tokens: {sentence}")
