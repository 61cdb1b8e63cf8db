"""Files and arrays of token ids: every form gives the same tokens, nothing is loaded or guessed."""

import itertools
import pickle
import tracemalloc

import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Text, Tokens, from_array, from_iterator, open_source, token_array
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
        ("a.npz", b"PK\3\4", {}, "is an archive; save the one array with numpy.save as .npy"),
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
        assert complaint(opened, tmp_path / name) == f"{tmp_path / name}: is a folder; give a file"
    assert "cannot be read" in complaint(opened, "a\0b")


def test_a_type_is_named_once(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, VALUES)
    for config in ({"dtype": "uint16"}, {"byte_order": "big"}):
        said = complaint(opened, path, **config)
        assert said == f"{path}: {next(iter(config))}: a .npy file names its own type; leave it out"


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
