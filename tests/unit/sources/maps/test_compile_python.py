"""Bytecode of Python texts: what Python itself reads back, the same in every process."""

import json
import marshal
import os
import subprocess
import sys
from types import CodeType
from typing import Any

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import (
    CompilePython,
    DocumentFiles,
    Noise,
    PythonStdlib,
    Shuffle,
    Text,
)
from epiplexity_jax.sources import open_source as _open
from epiplexity_jax.sources.maps.compile_python import bytecode

GOOD = 'names = {"a", "b", "ccc"}\ndef f(x):\n    """Say."""\n    return x in {"q", "r", "s"}\n'
BAD = "print 'Python 2'\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.py").write_text(GOOD)
    (tmp_path / "b.py").write_text(BAD)
    (tmp_path / "c.py").write_text("raise SystemExit  # it is compiled and not run\nx = '\\d'\n")
    return tmp_path


def opened(source) -> Any:
    return _open(CompilePython(source=source))


def content(source):
    return source.read(np.arange(source.sequences)).astype("u1").tobytes()


def test_documents_are_code_objects_end_to_end(folder):
    source = opened(Text(path=str(folder / "*.py"), length=1))
    first, last = (bytecode((folder / name).read_bytes()) for name in ("a.py", "c.py"))
    assert first is not None
    assert last is not None
    assert content(source) == first + last
    assert source.info.vocab_size == 256
    assert source.info.bytes_per_token is None
    assert source.info.documents.spans[[0, -1]].tolist() == [[0, 0], [1, 1]]
    code = marshal.loads(first)
    assert isinstance(code, CodeType)
    assert code.co_filename == "document"
    assert code.co_names == ("names", "f")
    assert str(folder).encode() not in content(source)


def test_what_does_not_compile_is_left_out_and_counted(folder):
    source = opened(Text(path=str(folder / "*.py"), length=8))
    assert "compiled by" in source.info.notes[-1]
    said = "1 of 3 documents do not compile and were left out"
    assert source.info.notes[-1].endswith(said)
    assert "left out" not in opened(Text(path=str(folder / "a.py"), length=8)).info.notes[-1]


@pytest.mark.parametrize(
    "text", [b"x = \0", b"x = (", b"# coding: nowhere\n", b"\xff\xfe", b"x = " + b"(" * 5000]
)
def test_damaged_texts_do_not_compile(text):
    assert bytecode(text) is None


def test_bytecode_is_the_same_in_every_process(folder):
    """Whatever the order of hashes is, and whichever names the process holds."""
    script = (
        "import sys; from epiplexity_jax.sources.maps.compile_python import bytecode; "
        "names = 'ccc'; f = names.upper(); "
        "print(bytecode(open(sys.argv[1], 'rb').read()).hex())"
    )
    made = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(folder / "a.py")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        made.add(done.stdout.strip())
    here = bytecode(GOOD.encode())
    assert here is not None
    assert made == {here.hex()}


def test_a_column_of_documents(folder):
    rows = [{"text": text} for text in (GOOD, BAD, "y = 2")]
    (folder / "code.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = str(folder / "code.jsonl")
    joined = opened(DocumentFiles(path=path, column="text", length=1))
    kept = opened(DocumentFiles(path=path, column="text", length=4000, rows="keep"))
    second = bytecode(b"y = 2\n")
    assert second is not None
    assert content(joined).endswith(second)
    assert kept.sequences == 2
    assert kept.info.documents.kind == "rows"


def test_the_standard_library():
    config = PythonStdlib(length=64, max_tokens=50_000)
    source, text = opened(config), _open(config)
    assert source.info.origins[0] == text.info.origins[0]
    assert source.sequences > 200
    assert source.info.documents.kind == "files"


def test_a_held_out_file(folder):
    source = opened(Text(path=str(folder / "a.py"), heldout=str(folder / "c.py"), length=8))
    first = bytecode(GOOD.encode())
    assert first is not None
    assert source.info.documents.heldout_from == len(first) // 8


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda _: Noise(), ConfigError, "source: noise holds no documents of text to compile; us"),
        (
            lambda folder: Shuffle(source=Text(path=str(folder / "a.py"), length=8)),
            ConfigError,
            "source: shuffle holds no documents of text to compile; use text, documents or",
        ),
        (lambda folder: Text(path=str(folder / "no.py")), DataError, "source: "),
        (lambda folder: Text(path=str(folder / "b.py")), DataError, "source: "),
    ],
)
def test_what_cannot_be_compiled(folder, make, error, sentence):
    with pytest.raises(error) as caught:
        opened(make(folder))
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
