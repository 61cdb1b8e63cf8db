"""NumPy's files: mapped whatever their layout, never unpickled, refused where damaged."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources import Tokens, from_array, open_source, token_array
from epiplexity_jax.sources.token_array import TokenSequences

PLAIN = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
VALUES = np.random.Generator(np.random.Philox(1)).integers(0, 100, 1003)


def opened(path, **config) -> TokenSequences:
    source = open_source(Tokens(path=str(path), **config))
    assert isinstance(source, TokenSequences)
    return source


def read_all(source):
    return source.read(np.arange(source.sequences))


def complaint(call, *args, error=DataError, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def mapped(array):
    """Whether an array is a view into a mapped file."""
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


@pytest.mark.parametrize("dtype", [*PLAIN, ">u2", ">i8"])
def test_npy_rows_of_tokens(tmp_path, dtype):
    path = tmp_path / "tokens.npy"
    np.save(path, VALUES.astype(dtype))
    source = opened(path)
    assert np.array_equal(read_all(source), VALUES[:896].reshape(7, 128))
    assert source.read(np.array([0])).dtype == np.uint8
    assert mapped(source.tokens)


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_sequences_are_rows_whatever_the_layout(tmp_path, order, monkeypatch):
    monkeypatch.setattr(token_array, "_CHUNK", 17)
    path = tmp_path / "tokens.NPY"
    rows = VALUES[:1000].reshape(40, 25)
    with path.open("wb") as file:
        np.save(file, np.asarray(rows, order=order))
    source = opened(path)
    assert (source.sequences, source.info.length) == (40, 25)
    assert np.array_equal(read_all(source), rows)
    assert mapped(source.tokens)
    flat = from_array(VALUES[:1000], length=25)
    assert source.info.fingerprint == flat.info.fingerprint
    assert set(flat.info.origins) < set(source.info.origins)  # a file is named by its place too


class Bomb:
    """Unpickling it would raise."""

    def __reduce__(self):
        return (pytest.fail, ("the file was unpickled",))


def test_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "objects.npy"
    np.save(path, np.array([Bomb()] * 300, object), allow_pickle=True)
    assert complaint(opened, path).startswith(f"{path}: is not a whole .npy file of integers: ")


def test_a_file_cut_short_anywhere_is_refused(tmp_path):
    path = tmp_path / "tokens.npy"
    np.save(path, VALUES[:16].astype(np.uint16))
    whole = path.read_bytes()
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        assert complaint(opened, path, length=4).startswith(f"{path}: is no"), size
    path.write_bytes(whole)
    assert opened(path, length=4).sequences == 4
