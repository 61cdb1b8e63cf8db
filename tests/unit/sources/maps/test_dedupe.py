"""Sources without duplicates: the first of equal sequences stays, and the rest is said."""

from typing import Any

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import (
    Dedupe,
    Mix,
    Noise,
    Subsample,
    Text,
    from_array,
    from_labelled,
)
from epiplexity_jax.sources import open_source as _open
from epiplexity_jax.sources.maps import dedupe

ROWS = np.array([[1, 2], [3, 4], [1, 2], [2, 1], [3, 4], [1, 2], [0, 0]])


def opened(source) -> Any:
    return _open(Dedupe(source=source))


def read_all(source):
    return source.read(np.arange(source.sequences))


@pytest.mark.parametrize("step", [1, 4, 1 << 20])
def test_the_first_of_equal_sequences_stays(monkeypatch, step):
    """However many are read at a time."""
    monkeypatch.setattr(dedupe, "_CHUNK", step)
    source = opened(from_array(ROWS))
    assert read_all(source).tolist() == [[1, 2], [3, 4], [2, 1], [0, 0]]
    assert source.read(np.array([3, 0])).tolist() == [[0, 0], [1, 2]]
    note = "dedupe: 3 of 7 sequences are exact duplicates of earlier ones and were dropped"
    assert source.info.notes == (note,)


def test_a_source_without_duplicates_stays_what_it_is():
    given = from_array(np.arange(60).reshape(20, 3), bytes_per_token=2.5)
    source = opened(given)
    assert np.array_equal(read_all(source), read_all(given))
    assert source.info.bytes_per_token == 2.5
    assert source.info.notes == ()


def test_a_large_source_is_compared_with_numpy():
    rows = np.random.default_rng(0).integers(0, 3, (5000, 6))
    first = np.sort(np.unique(rows, axis=0, return_index=True)[1])
    assert np.array_equal(read_all(opened(from_array(rows))), rows[first])


def test_inputs_and_labels_count():
    """Equal inputs with another label are two sequences, and so are masks of one row."""
    inputs = np.array([[0.5, 0.0], [0.5, -0.0], [0.5, 0.0], [1.0, 0.0]])
    vectors = read_all(opened(from_labelled(inputs, np.array([1, 1, 2, 1]))))
    assert vectors.inputs.tolist() == [[0.5, 0.0], [0.5, 0.0], [1.0, 0.0]]
    assert vectors.labels.ravel().tolist() == [1, 2, 1]
    tokens = np.array([[1, 2, 3], [1, 2, 3], [1, 2, 3], [4, 5, 6]])
    mask = np.array([[1, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]) > 0
    source = opened(from_array(tokens, mask=mask))
    assert read_all(source).mask.tolist() == mask[[0, 1, 3]].tolist()
    assert np.allclose(source.info.label_shares, mask[[0, 1, 3]].mean(axis=0))


def test_bytes_per_token_stay_right_or_are_not_given(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("the quick brown fox " * 50 + "jumps over it today.", encoding="ascii")
    source = opened(Text(path=str(path), length=20, alphabet="bytes"))
    assert [bytes(row) for row in read_all(source)] == [
        b"the quick brown fox ",
        b"jumps over it today.",
    ]
    assert source.info.bytes_per_token == 1
    assert source.info.documents.places.tolist() == [0, 50]
    assert opened(from_array(ROWS, bytes_per_token=2.5)).info.bytes_per_token is None


def test_of_a_held_out_duplicate_the_training_copy_stays(tmp_path):
    for name, text in (("a", "aaaabbbbcccc"), ("b", "ddddbbbbeeeeeeee")):
        (tmp_path / name).write_text(text)
    source = opened(Text(path=str(tmp_path / "a"), heldout=str(tmp_path / "b"), length=4))
    assert source.sequences == 5
    assert source.info.documents.heldout_from == 3


def test_entropy_rates_and_components():
    noise = Noise(vocab_size=2, length=4)
    mix = Mix(
        sources=[{"source": Subsample(source=noise, sequences=200, map_seed=k)} for k in (0, 1)]
    )
    source, inner = opened(mix), _open(mix)
    assert source.sequences == 16
    assert source.info.entropy_rate_nats is None
    whole = np.arange(inner.sequences)
    first = np.sort(np.unique(inner.read(whole), axis=0, return_index=True)[1])
    assert np.array_equal(source.component_of(np.arange(16)), inner.component_of(first))


def test_a_drawn_source_has_no_duplicates_to_drop():
    with pytest.raises(ConfigError, match="^source: is drawn without end, so it has no duplicates"):
        opened(Noise())
