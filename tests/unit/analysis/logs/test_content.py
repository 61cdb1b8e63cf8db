import bz2
import gzip
import lzma
import pickle

import pytest

from epiplexity_jax.analysis.logs.content import open_content
from epiplexity_jax.base.errors import DataError
from tests.unit.analysis.logs.files import check, csv_text, read

CSV = csv_text(first=1).encode()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_unpacked(tmp_path, pack):
    check(read(tmp_path, pack(CSV), "loss.csv.packed"))
    with pytest.raises(DataError, match="is no whole .* file: "):
        read(tmp_path, pack(CSV)[:-9], "loss.csv.packed")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 7\n", "git lfs pull"),
        (b"\x28\xb5\x2f\xfd1234", "is no whole zst file"),
        (b"PK\x03\x041234", "is a ZIP archive"),
        (b"\x93NUMPY\x01\x00", "an array without names"),
        (b"SQLite format 3\x00", "is an SQLite database"),
        (pickle.dumps({"loss": [1]}), "is a pickle, which is never loaded"),
        (b":W&B\x00\x01", "raw log of Weights & Biases"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"\xef\xbb\xbf \n", "is empty"),
    ],
)
def test_files_that_are_something_else(tmp_path, data, said):
    with pytest.raises(DataError, match=f"main.log: .*{said}"):
        read(tmp_path, data, "main.log")


def test_an_lfs_pointer_in_a_compressed_file_is_one(tmp_path):
    pointer = gzip.compress(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError, match="Git LFS pointer"):
        read(tmp_path, pointer)


def test_lines_are_what_a_terminal_shows(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"10%|\r50%|\r\x1b[1mstep 1\x1b[0m\r\nstep 2\n")
    assert open_content(path).lines == ["step 1", "step 2", ""]


def test_text_in_another_encoding_is_no_text(tmp_path):
    path = tmp_path / "log"
    path.write_bytes("loss\xe9".encode("latin-1"))
    assert open_content(path).text == ""
