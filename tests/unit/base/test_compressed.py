"""Compressed files are read as what was compressed, pointers and damage are one sentence."""

import bz2
import gzip
import io
import lzma
import sys
from pathlib import Path

import pyarrow
import pytest

from epiplexity_jax.base import compressed
from epiplexity_jax.base.compressed import archive_of, compression_of, open_decompressed
from epiplexity_jax.base.errors import DataError

DATA = b"".join(b"line %d\n" % i for i in range(9000))
POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def zst(data: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACKED = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zst}


@pytest.fixture
def packed(tmp_path):
    def write(content: bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("name", PACKED)
def test_what_was_compressed_is_read_whole_and_in_parts(packed, name):
    path = packed(PACKED[name](DATA))
    assert compression_of(path.read_bytes()[:512]) == name
    for asked in ("auto", name):
        with open_decompressed(path, asked) as file:
            assert file.read() == DATA
    with open_decompressed(path) as file:
        assert b"".join(iter(lambda: file.read(1000), b"")) == DATA
    with open_decompressed(path, "none") as file:
        assert file.read() == path.read_bytes()


@pytest.mark.parametrize("name", PACKED)
def test_parts_of_one_file_are_joined(packed, name):
    with open_decompressed(packed(PACKED[name](DATA) + PACKED[name](b"more"))) as file:
        assert file.read() == DATA + b"more"


@pytest.mark.parametrize("name", PACKED)
def test_half_a_file_is_refused_in_one_line(packed, name):
    content = PACKED[name](DATA)
    path = packed(content[: len(content) // 2])
    with pytest.raises(DataError) as caught, open_decompressed(path) as file:
        file.read()
    assert str(caught.value).startswith(f"{path}: is no whole {name} file: ")
    assert "\n" not in str(caught.value)


def test_a_plain_file_is_read_as_it_is(packed):
    with open_decompressed(packed(DATA)) as file:
        assert file.read() == DATA
    assert compression_of(DATA) is None
    assert compression_of(b"BZhang wrote this") is None


def test_a_pointer_of_git_lfs_is_no_content(packed):
    path = packed(POINTER)
    with pytest.raises(DataError) as caught, open_decompressed(path):
        pass
    assert str(caught.value) == (
        f"{path}: is a Git LFS pointer, and its content was not fetched; run git lfs pull"
    )


def test_archives_are_named():
    assert archive_of(b"PK\x03\x04...") == "a zip archive"
    assert archive_of(b"name".ljust(257, b"\0") + b"ustar  ") == "a tar archive"
    assert archive_of(DATA) is None


def test_zstandard_is_taken_where_it_is_installed(packed, monkeypatch):
    class Reader(io.RawIOBase):
        def __init__(self, raw):
            self.inner = pyarrow.CompressedInputStream(raw, "zstd")

        def readable(self):
            return True

        def readinto(self, buffer):
            data = self.inner.read(len(buffer))
            buffer[: len(data)] = data
            return len(data)

    class Zstandard:
        class ZstdDecompressor:
            def stream_reader(self, raw, read_across_frames):
                assert read_across_frames
                return Reader(raw)

    monkeypatch.setitem(sys.modules, "zstandard", Zstandard)
    monkeypatch.setattr(compressed, "_open_with_arrow", None)
    with open_decompressed(packed(zst(DATA))) as file:
        assert file.read() == DATA
