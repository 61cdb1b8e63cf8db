"""Documents of finite sources: spans of windows over files, through maps."""

import numpy as np

from epiplexity_jax.sources.documents import ROWS, Documents, mixed_documents


def test_spans_are_those_of_the_tokens():
    """Against the file of every token, counted out; empty files and files of a token too."""
    sizes, length = [7, 0, 1, 1, 12, 3, 9], 5
    owner = np.repeat(np.arange(len(sizes)), sizes)
    sequences = len(owner) // length
    documents = Documents.of_files(np.cumsum(sizes), sequences, length)
    windows = owner[: sequences * length].reshape(sequences, length)
    assert documents.kind == "files"
    assert documents.spans.tolist() == np.stack([windows[:, 0], windows[:, -1]], 1).tolist()


def test_a_single_file_is_one_text():
    assert Documents.of_files([10], 2, 5).kind == "text"
    assert Documents.of_files([10, 12], 2, 5).kind == "text"  # the second is in no window
    assert Documents.of_files([9, 12], 2, 5).kind == "files"


def test_some_sequences_keep_their_places():
    documents = Documents.of_files([5, 10], 5, 2).take(np.array([0, 1, 4]))
    assert documents.spans.tolist() == [[0, 0], [0, 0], [1, 1]]
    assert documents.places.tolist() == [0, 1, 4]
    assert documents.unjoined().places is None
    assert documents.unjoined().spans is documents.spans
    assert documents.backwards().places.tolist() == [4, 3, 0]
    assert documents.backwards().backwards().places.tolist() == [0, 1, 4]
    assert ROWS.backwards() is ROWS


def test_borders_have_a_fingerprint():
    same, other = (Documents.of_files([end, 12], 4, 3).fingerprint for end in (4, 7))
    assert same == Documents.of_files([4, 12], 4, 3).fingerprint != other


def test_documents_of_a_mix_are_apart():
    files = Documents.of_files([4, 8], 4, 2)
    component, place = np.array([1, 0, 0, 1]), np.array([3, 0, 1, 2])
    mixed = mixed_documents([(ROWS, 2), (files, 4)], component, place)
    assert mixed.kind == "files"
    assert mixed.spans.tolist() == [[3, 3], [0, 0], [1, 1], [3, 3]]
    steps = np.subtract.outer(mixed.places, mixed.places)
    assert np.argwhere(steps == 1).tolist() == [[0, 3]]  # only windows 2 and 3 of the text


def test_no_text_of_a_mix_continues_in_the_next():
    texts = [(Documents.of_text(2), 2), (Documents.of_text(2), 2)]
    mixed = mixed_documents(texts, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    assert mixed.kind == "mixed"
    assert np.diff(mixed.places).tolist() == [1, 2, 1]
    assert mixed_documents([(ROWS, 2), (ROWS, 1)], np.array([0, 1]), np.array([0, 0])) is ROWS
