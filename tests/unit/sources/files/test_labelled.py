"""Inputs with labels: tokens and vectors, from files and arrays."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax import sources
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Labelled, open_source
from epiplexity_jax.sources.spec import HostSource, Vectors
from epiplexity_jax.sources.split import Split

TOKENS = np.arange(60).reshape(10, 2, 3) % 11
REALS = np.linspace(-1, 1, 60).reshape(10, 6)
LABELS = np.arange(10) % 3


def from_labelled(*arrays, **options) -> Any:
    """Whether tokens or vectors is what the tests find out."""
    return sources.from_labelled(*arrays, **options)


def _saved(path, **arrays) -> Any:
    np.savez(path, **arrays)
    return open_source(Labelled(path=str(path)))


def test_integers_are_tokens(tmp_path):
    source = _saved(tmp_path / "a.npz", inputs=TOKENS, labels=LABELS)
    info = source.info
    assert isinstance(source, HostSource)
    assert (source.sequences, info.length, info.vocab_size) == (10, 7, 3)
    assert (info.input_vocab_size, info.features, info.entropy_rate_nats) == (11, None, None)
    assert info.label_mask.tolist() == [False] * 6 + [True]
    read = source.read(np.array([4, 0, 4]))
    assert read.dtype == np.uint8
    for row, i in zip(read, [4, 0, 4], strict=True):
        assert row.tolist() == [*TOKENS[i].ravel(), LABELS[i]]


def test_floats_are_vectors(tmp_path):
    source = _saved(tmp_path / "a.npz", inputs=REALS, labels=LABELS)
    info = source.info
    assert (source.sequences, info.length, info.vocab_size) == (10, 2, 3)
    assert (info.input_vocab_size, info.features, info.label_tokens) == (None, 6, 1)
    read = source.read(np.array([4, 0]))
    assert isinstance(read, Vectors)
    assert read.inputs.dtype == np.float32
    assert np.array_equal(read.inputs, REALS[[4, 0]].astype(np.float32))
    assert read.labels.tolist() == [[1], [0]]


def test_images_are_flattened():
    source = from_labelled(np.ones((5, 4, 4, 3), np.float16), np.arange(5))
    assert source.info.features == 48
    assert source.read(np.arange(2)).inputs.shape == (2, 48)
    assert from_labelled(np.arange(5.0), np.arange(5)).info.features == 1


def test_arrays_of_any_origin_are_alike(tmp_path):
    """NumPy, JAX and a file: equal values, equal fingerprints."""
    saved = _saved(tmp_path / "a.npz", inputs=TOKENS, labels=LABELS)
    for inputs in (TOKENS, TOKENS.astype(np.int8), jnp.asarray(TOKENS), TOKENS.tolist()):
        source = from_labelled(inputs, LABELS)
        assert source.info.fingerprint == saved.info.fingerprint
        assert np.array_equal(source.read(np.arange(10)), saved.read(np.arange(10)))
    fortran = from_labelled(np.asfortranarray(REALS), LABELS)
    assert fortran.info.fingerprint == from_labelled(REALS, LABELS).info.fingerprint


def test_booleans_are_tokens_of_two_symbols():
    source = from_labelled(np.array([[True, False], [False, True]]), np.array([True, False]))
    assert (source.info.vocab_size, source.info.input_vocab_size) == (2, 2)
    assert source.read(np.arange(2)).tolist() == [[1, 0, 1], [0, 1, 0]]


def test_alphabets_can_be_larger_than_what_is_seen():
    source = from_labelled(TOKENS, LABELS, classes=500, input_vocab_size=40)
    assert (source.info.vocab_size, source.info.input_vocab_size) == (500, 40)
    assert source.read(np.arange(2)).dtype == np.uint16
    assert from_labelled(TOKENS, np.zeros(10, int)).info.vocab_size == 2


def test_standardise():
    values = np.random.default_rng(0).normal(5e3, 0.1, (5000, 3))
    values[:, 1] = 0.1  # whose mean is not exactly 0.1
    given = values.astype(np.float32).astype(np.float64)
    read = from_labelled(values, np.arange(5000) % 2, standardise=True).read(np.arange(5000))
    assert (read.inputs[:, 1] == 0).all()
    expected = (given - given.mean(0))[:, [0, 2]] / given.std(0)[[0, 2]]
    assert np.allclose(read.inputs[:, [0, 2]], expected, atol=1e-5)


def test_standardised_data_has_the_same_origin():
    plain, standard = (from_labelled(REALS, LABELS, standardise=s) for s in (False, True))
    assert plain.info.fingerprint != standard.info.fingerprint
    assert plain.info.origins == standard.info.origins != ()


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_the_first_of_the_rows_are_a_view_of_all(dtype):
    inputs = np.random.default_rng(0).integers(0, 9, (900, 4)).astype(dtype)
    origins = [
        set(from_labelled(inputs[rows], np.arange(len(inputs[rows])) % 3).info.origins)
        for rows in (slice(None), slice(400), slice(400, None))
    ]
    assert origins[0] & origins[1]
    assert not origins[0] & origins[2]


def test_masked_inputs_and_labels_are_refused():
    masked = np.ma.array(REALS, mask=REALS > 1)
    with pytest.raises(DataError, match="^inputs: is a masked array, whose masked values would"):
        from_labelled(masked, LABELS)
    with pytest.raises(DataError, match="^labels: is a masked array, whose masked values would"):
        from_labelled(REALS, np.ma.array(LABELS))


@pytest.mark.parametrize("inputs", [TOKENS, REALS])
def test_a_split_keeps_all_and_mixes_nothing(inputs):
    source = from_labelled(np.tile(inputs, (9, *[1] * (inputs.ndim - 1))), np.arange(90))
    split = Split(source, 8, 0)
    train = split.chunks(0, 0, 41, 2)
    labels = [
        x.labels if isinstance(x, Vectors) else x[..., -1:] for x in (split.heldout(8), train)
    ]
    assert sorted([*labels[0].ravel(), *labels[1].ravel()]) == list(range(90))
    shapes = jax.tree.map(lambda x: x.shape, train)
    assert shapes == (Vectors((41, 2, 6), (41, 2, 1)) if inputs is REALS else (41, 2, 7))


def _bad(value):
    wrong = REALS.copy()
    wrong[7, 2] = value
    return wrong


@pytest.mark.parametrize(
    ("inputs", "labels", "options", "sentence"),
    [
        (TOKENS, LABELS[:9], {}, "inputs: has 10 rows for 9 labels; every row needs one label"),
        (TOKENS[:0], LABELS[:0], {}, "inputs: is empty; there is nothing to measure"),
        (3, LABELS, {}, "inputs: is a single number; inputs are an array [n, ...]"),
        (REALS[:, :0], LABELS, {}, "inputs: has rows of shape (0,), without a single feature"),
        (TOKENS, LABELS[:, None], {}, "labels: has 2 axes; labels are one row [n]"),
        (TOKENS, LABELS + 0.5, {}, "labels: holds float64, not integers; labels are integers from"),
        (TOKENS, LABELS - 1, {}, "labels: label -1 in row 0 is not in 0 to"),
        (TOKENS, LABELS, {"classes": 2}, "labels: label 2 in row 2 is not in 0 to 1; raise classe"),
        (TOKENS - 1, LABELS, {}, "inputs: token -1 in row 0 is not in 0 to"),
        (
            TOKENS,
            LABELS,
            {"input_vocab_size": 9},
            "inputs: token 9 in row 1 is not in 0 to 8; raise input_vocab_size",
        ),
        (_bad(np.nan), LABELS, {}, "inputs: row 7 holds nan as float32; mend or drop it"),
        (_bad(-np.inf), LABELS, {}, "inputs: row 7 holds -inf as float32; mend or drop it"),
        (_bad(1e300), LABELS, {}, "inputs: row 7 holds inf as float32; mend or drop it"),
        (REALS * 1j, LABELS, {}, "inputs: holds complex128; inputs are integers (tokens) or real"),
        (REALS, LABELS, {"input_vocab_size": 5}, "inputs: holds real numbers, which have no alph"),
        (TOKENS, LABELS, {"standardise": True}, "inputs: holds int64, and standardise is for rea"),
        ([[1], [1, 2]], LABELS, {}, "inputs: not an array: "),
    ],
)
def test_bad_arrays(inputs, labels, options, sentence):
    with pytest.raises(DataError) as caught:
        from_labelled(inputs, labels, **options)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_bad_options():
    with pytest.raises(ConfigError, match="^classes: input should be greater than or equal to 2"):
        from_labelled(TOKENS, LABELS, classes=1)


def test_bad_files(tmp_path):
    def complaint(name, **options):
        with pytest.raises(DataError) as caught:
            open_source(Labelled(path=str(tmp_path / name), **options))
        assert str(caught.value).startswith(str(tmp_path))
        return str(caught.value).removeprefix(f"{tmp_path}/")

    np.savez(tmp_path / "a.npz", inputs=TOKENS, labels=LABELS)
    np.savez(tmp_path / "objects.npz", inputs=np.array([{}, {}]), labels=np.arange(2))
    np.save(tmp_path / "one.npy", TOKENS)
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "short.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:300])
    whole = "is no whole .npz archive of numbers; save it with numpy.savez"
    assert complaint("none.npz") == "none.npz: no such file"
    assert complaint("objects.npz") == f"objects.npz: {whole}"
    assert complaint("text.npz") == f"text.npz: {whole}"
    assert complaint("short.npz") == f"short.npz: {whole}"
    assert complaint("one.npy").startswith("one.npy: holds one array, not two; save both with num")
    assert complaint("a.npz", inputs="x") == ("a.npz: holds no array 'x'; it holds: inputs, labels")
    assert complaint("a.npz", classes=2).startswith("a.npz: labels: label 2 in row 2 is not in")
