"""Functions that a config names: found in the current folder, refused in one line."""

import sys

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Iterated, open_source
from epiplexity_jax.sources.token_array import TokenSequences


def read_all(source):
    return source.read(np.arange(source.sequences))


def complaint(call, *args, error=DataError, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module into the current folder, under a name that no other test has."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)

    def write(name, code):
        path = tmp_path / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def opened(factory, **config) -> TokenSequences:
    source = open_source(Iterated(factory=factory, **{"vocab_size": 10, "length": 2} | config))
    assert isinstance(source, TokenSequences)
    return source


def test_an_exit_by_name(module):
    assert complaint(opened, "sys:exit") == "sys:exit: the function raised SystemExit"
    module("rows_leave", "import sys\nsys.exit(1)")
    said = complaint(opened, "rows_leave:make", error=ConfigError)
    assert said == "factory: importing rows_leave raised SystemExit: 1"


def test_a_function_in_the_current_folder(module):
    module("rows_one", "import rows_two\ndef numbers(n=4, start=0): return rows_two.make(n, start)")
    module("rows_two", "def make(n, start):\n    import rows_three\n    return range(start, n)")
    module("rows_three", "")
    before = list(sys.path)
    assert read_all(opened("rows_one:numbers")).tolist() == [[0, 1], [2, 3]]
    options = {"n": 7, "start": 3}
    assert read_all(opened("rows_one:numbers", options=options)).tolist() == [[3, 4], [5, 6]]
    assert sys.path == before


def test_a_function_within_a_package_or_a_class(module):
    module("rows_package.inner", "class Rows:\n    @staticmethod\n    def make(): return [1, 2]")
    assert read_all(opened("rows_package.inner:Rows.make")).tolist() == [[1, 2]]


@pytest.mark.parametrize("factory", ["rows", "rows:", ":make", "rows.py:make:x", "a b:c", ".r:m"])
def test_a_name_that_is_none_is_refused(factory):
    said = complaint(Iterated, factory=factory, vocab_size=5, error=ConfigError)
    assert said == f"factory: must be package.module:function, got {factory!r}"


CODE = """
number = 5
def none(): return None
def fails(): raise OSError("disk\\ngone")
def takes(): return [1]
"""


@pytest.mark.parametrize(
    ("factory", "error", "sentence"),
    [
        ("rows_missing:make", ConfigError, "factory: no module 'rows_missing'; it must be install"),
        ("rows_bad.inner:make", ConfigError, "factory: no module 'rows_bad.inner'; it must be"),
        ("rows_import:make", ConfigError, "factory: importing rows_import raised ModuleNotFoundEr"),
        ("rows_syntax:make", ConfigError, "factory: importing rows_syntax raised SyntaxError: "),
        ("rows_bad:make", ConfigError, "factory: module rows_bad has no 'make'"),
        ("rows_bad:number", ConfigError, "factory: rows_bad:number must be a function, is 5"),
        ("rows_bad:none", DataError, "rows_bad:none: must return an iterator, returned None"),
        ("rows_bad:fails", DataError, "rows_bad:fails: the function raised OSError: disk gone"),
    ],
)
def test_functions_of_no_use_are_refused(module, factory, error, sentence):
    module("rows_bad", CODE)
    module("rows_import", "import rows_not_there")
    module("rows_syntax", "def (")
    before = list(sys.path)
    assert complaint(opened, factory, error=error).startswith(sentence)
    assert sys.path == before


def test_options_that_the_function_does_not_take(module):
    module("rows_bad", CODE)
    said = complaint(opened, "rows_bad:takes", options={"n": 3})
    assert said.startswith("rows_bad:takes: the function raised TypeError: takes() got an unexpect")
    said = complaint(Iterated, factory="a:b", vocab_size=5, options=[1], error=ConfigError)
    assert said.startswith("options: input should be a valid dictionary")
