"""The library's source text: what is read, in which order, and what is left out."""

import sysconfig
from pathlib import Path

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import PythonStdlib, open_source
from epiplexity_jax.sources.files.characters import ASCII96
from epiplexity_jax.sources.token_array import TokenSequences


def _open(config) -> TokenSequences:
    source = open_source(config)
    assert isinstance(source, TokenSequences)
    return source


def read_all(source):
    return source.read(np.arange(source.sequences)).ravel()


def complaint(config):
    with pytest.raises(DataError) as caught:
        _open(config)
    return str(caught.value)


def _letters(source):
    return "".join(ASCII96[token] for token in read_all(source))


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A small standard library: what is read, and what is left out."""
    files = {
        "b.py": b"bb\n",
        "a/z.py": b"zz\n",
        "a/latin.py": "# -*- coding: latin-1 -*-\n# é\n".encode("latin-1"),
        "a/notes.txt": b"notes",
        "test/test_b.py": b"left out",
        "a/tests/test_z.py": b"left out",
        "site-packages/other.py": b"left out",
        "dist-packages/other.py": b"left out",
    }
    for name, content in files.items():
        path = tmp_path / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "lib"))
    return tmp_path / "lib"


def test_the_files_of_the_library_are_its_documents(library):
    documents = _open(PythonStdlib(length=1)).info.documents
    sizes = [len("# -*- coding: latin-1 -*-\n# \n"), len("zz\n"), len("bb\n")]
    assert documents.kind == "files"
    assert np.bincount(documents.spans[:, 0]).tolist() == sizes


def test_the_library_is_read_in_sorted_order_without_tests_and_packages(library):
    source = _open(PythonStdlib(length=1))
    assert _letters(source) == "# -*- coding: latin-1 -*-\n# \nzz\nbb\n"
    assert source.info.bytes_per_token is None  # a byte that is not UTF-8 was dropped


def test_max_tokens_hold_a_sequence():
    with pytest.raises(ConfigError, match="^max_tokens: must be at least one sequence of 128 tok"):
        PythonStdlib(max_tokens=127)


def test_max_tokens_cuts_the_library(library):
    source = _open(PythonStdlib(length=1, max_tokens=30))
    assert _letters(source) == "# -*- coding: latin-1 -*-\n# \nz"


def test_a_strange_character_in_the_library_can_be_an_error(library):
    place = f"python_stdlib, {Path('a', 'latin.py')}: '\ufffd' in line 2, column 3"
    told = complaint(PythonStdlib(length=1, unknown="error"))
    assert told.startswith(f"{place} is not in the alphabet")


def test_a_python_without_sources_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert complaint(PythonStdlib()) == (
        "python_stdlib: this Python has no standard library in source form"
    )


def test_the_library_of_this_python():
    source = _open(PythonStdlib(max_tokens=1_000_000))
    assert source.sequences == 1_000_000 // 128
    words = _letters(source)
    assert "import " in words
    assert "def __init__(self" in words
    assert source.info.notes == ()
