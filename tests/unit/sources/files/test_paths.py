"""Paths of one file, of a pattern and of a folder."""

from pathlib import Path

import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.paths import ending, find_files, is_pattern


@pytest.fixture
def folder(tmp_path):
    for name in ("b.txt", "a/c.txt.gz", "a/d.bin", ".git/e.txt", "x[1].txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("text")
    return tmp_path


def names(folder, path, *args):
    found = find_files(str(folder / path), *args)
    return [str(each.relative_to(folder)) for each in found]


def test_a_file_a_pattern_and_a_folder(folder):
    assert names(folder, "b.txt") == ["b.txt"]
    assert names(folder, "missing.txt") == ["missing.txt"]  # which opening it refuses
    assert names(folder, "x[1].txt") == ["x[1].txt"]  # a file of that name
    assert names(folder, "*.txt") == ["b.txt", "x[1].txt"]
    assert names(folder, "**/*.txt*") == ["a/c.txt.gz", "b.txt", "x[1].txt"]
    assert names(folder, "") == ["a/c.txt.gz", "a/d.bin", "b.txt", "x[1].txt"]
    assert names(folder, "", [".bin", ".txt"]) == names(folder, "")
    assert names(folder, "a", [".txt"]) == ["a/c.txt.gz"]


def test_nothing_found_is_one_sentence(folder):
    with pytest.raises(DataError, match=r"/\*\.csv: matches no file$"):
        find_files(str(folder / "*.csv"))
    with pytest.raises(DataError, match="is a folder without a file that ends in .csv, .tsv$"):
        find_files(str(folder), [".tsv", ".csv"])
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="empty: is a folder without a file$"):
        find_files(str(folder / "empty"))


def test_endings_are_those_of_what_was_compressed():
    assert [ending(Path(p)) for p in ("a.TXT", "a.txt.GZ", "a.gz", "a")] == [".txt", ".txt", "", ""]
    assert [is_pattern(path) for path in ("a*", "a.txt")] == [True, False]
