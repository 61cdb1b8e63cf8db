"""Files and arrays of token ids: every form gives the same tokens, nothing is loaded or guessed."""

import pickle
import tracemalloc

import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Text, Tokens, from_array, from_iterator, open_source
from epiplexity_jax.sources.token_array import TokenSequences, data_hash

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


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("dtype", PLAIN)
def test_plain_integers_are_read_as_they_stand(tmp_path, dtype, order):
    path = tmp_path / "tokens.bin"
    VALUES.astype(np.dtype(dtype).newbyteorder(order)).tofile(path)
    source = opened(path, dtype=dtype, byte_order=order, length=10)
    assert np.array_equal(read_all(source), VALUES[:1000].reshape(100, 10))
    assert source.read(np.array([7])).dtype == np.uint8
    assert source.info.vocab_size == VALUES.max() + 1
    assert data_hash(VALUES) in source.info.origins
    assert mapped(source.tokens)


def test_plain_integers_are_two_bytes_and_little_unless_said_otherwise(tmp_path):
    path = tmp_path / "tokens"
    path.write_bytes(bytes([1, 0, 2, 0, 0, 1]))
    source = opened(path, length=3)
    assert read_all(source).tolist() == [[1, 2, 256]]
    assert source.read(np.array([0])).dtype == np.uint16


def test_booleans_are_bits(tmp_path):
    path = tmp_path / "bits.npy"
    np.save(path, VALUES > 50)
    source = opened(path, length=1)
    assert np.array_equal(read_all(source)[:, 0], VALUES > 50)
    assert source.read(np.array([0])).dtype == np.uint8
    assert source.info.vocab_size == 2


def test_facts(tmp_path):
    path = tmp_path / "tokens.npy"
    np.save(path, VALUES)
    info = opened(path, vocab_size=300, bytes_per_token=3.5).info
    assert (info.vocab_size, info.length, info.bytes_per_token) == (300, 128, 3.5)
    assert info.label_mask.all()
    assert info.entropy_rate_nats is None
    assert opened(path).info.bytes_per_token is None
    assert from_array(np.zeros(9, int), length=3).info.vocab_size == 2  # nothing has one symbol


def test_ten_million_tokens_are_mapped_and_not_loaded(tmp_path):
    path, count = tmp_path / "tokens.bin", 10_000_000
    (np.arange(count, dtype=np.uint32) % 50_000).astype(np.uint16).tofile(path)
    tracemalloc.start()
    try:
        source = opened(path, length=100)
        rows = source.read(np.array([99_999, 0]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.array_equal(rows, [np.arange(49_900, 50_000), np.arange(100)])
    assert peak < count  # half of the file, and it does not grow with it
    assert mapped(source.tokens)
    assert not source.tokens.flags.writeable


def test_an_array_is_not_copied():
    tokens = np.arange(1000)
    assert np.shares_memory(from_array(tokens).tokens, tokens)
    assert np.shares_memory(from_array(tokens.reshape(10, 100).T).tokens, tokens)


@pytest.mark.parametrize("make", [np.asarray, jnp.asarray, list, lambda v: np.repeat(v, 2)[::2]])
def test_arrays_of_any_kind(make):
    source = from_array(make(VALUES), length=10, bytes_per_token=2)
    assert np.array_equal(read_all(source), VALUES[:1000].reshape(100, 10))
    assert source.info.bytes_per_token == 2.0


def test_the_same_data_has_the_same_origin(tmp_path):
    """Of every kind that reads data, whatever the length; a fingerprint has the length too."""
    data = VALUES.astype(np.uint8)
    np.save(tmp_path / "a.npy", data.astype(np.int64))
    data.tofile(tmp_path / "a.bin")
    opens = {
        "array": from_array(data),
        "shorter": from_array(data, length=64),
        "file": opened(tmp_path / "a.npy"),
        "plain": opened(tmp_path / "a.bin", dtype="uint8"),
        "iterator": from_iterator(lambda: iter(data), vocab_size=100),
        "text": open_source(Text(path=str(tmp_path / "a.bin"), alphabet="bytes")),
    }
    assert set.intersection(*(set(source.info.origins) for source in opens.values()))
    prints = {name: source.info.fingerprint for name, source in opens.items()}
    assert prints["array"] == prints["file"] == prints["plain"]
    assert len({prints["array"], prints["shorter"], prints["text"]}) == 3


@pytest.mark.parametrize("place", [0, 500, 1002])
def test_any_changed_token_is_noticed(tmp_path, place):
    """Behind the last whole sequence too."""
    path = tmp_path / "tokens.npy"
    np.save(path, VALUES)
    before = opened(path).info
    changed = VALUES.copy()
    changed[place] ^= 1
    np.save(path, changed)
    after = opened(path).info
    assert before.fingerprint != after.fingerprint
    assert data_hash(VALUES) in before.origins
    assert data_hash(VALUES) not in after.origins


@pytest.mark.parametrize("shape", [(300,), (10, 30)])
def test_files_are_refused_as_arrays_are(tmp_path, shape):
    path = tmp_path / "tokens.npy"
    np.save(path, np.ones(shape, np.float32))
    assert complaint(opened, path).startswith(f"{path}: holds float32, not integers")


@pytest.mark.parametrize(
    ("key", "value"),
    [("length", 0), ("vocab_size", 1), ("vocab_size", 1 << 25), ("bytes_per_token", 0.0)],
)
def test_arguments_out_of_range_are_named(key, value):
    said = complaint(from_array, VALUES, error=ConfigError, **{key: value})
    assert said.startswith(f"{key}: input should be ")


@pytest.mark.parametrize(
    ("name", "content", "config", "sentence"),
    [
        ("a.bin", b"", {}, "is empty; there is nothing to measure"),
        ("a.npy", b"", {}, "is empty; there is nothing to measure"),
        ("a.bin", b"abc", {}, "has 3 bytes, no multiple of the 2 of uint16; name its dtype, or"),
        ("a.bin", b"abcdef", {"dtype": "int32"}, "has 6 bytes, no multiple of the 4 of int32"),
        ("a.bin", b"\x93NUMPY\1\0", {}, "is a NumPy array; name it .npy"),
        ("a.npz", b"PK\3\4", {}, "is no whole .npz archive"),
        ("a.npy", b"PK\3\4aa", {}, "is no .npy file; save the array with numpy.save"),
        ("a.npy", pickle.dumps([1, 2]), {}, "is no .npy file; save the array with numpy.save"),
    ],
)
def test_files_of_no_use_are_refused(tmp_path, name, content, config, sentence):
    path = tmp_path / name
    path.write_bytes(content)
    assert complaint(opened, path, **config).startswith(f"{path}: {sentence}")


def test_paths_of_no_use_are_refused(tmp_path):
    for name in ("missing.npy", "missing.bin"):
        assert complaint(opened, tmp_path / name) == f"{tmp_path / name}: no such file"
    for name in ("folder.npy", "folder.bin"):
        (tmp_path / name).mkdir()
        assert complaint(opened, tmp_path / name) == (
            f"{tmp_path / name}: is a folder without a file that ends in .bin, .npy"
        )
    assert "cannot be read" in complaint(opened, "a\0b")


def test_a_type_is_named_once(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, VALUES)
    for config in ({"dtype": "uint16"}, {"byte_order": "big"}):
        said = complaint(opened, path, **config)
        assert said == f"{path}: {next(iter(config))}: a .npy file names its own type; leave it out"
