"""A command line that runs in this process, and a small store."""

import json
from typing import NamedTuple

import pytest

from epiplexity_jax.cli.app import main
from tests.unit.store.stored import make_law_store, make_store


class Called(NamedTuple):
    """What a command left: its exit status and all that it printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def call(capsys):
    """Run a command line, each word an argument."""

    def run(*words: object) -> Called:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        said = capsys.readouterr()
        code = ended.value.code
        return Called(code if isinstance(code, int) else 0, said.out, said.err)

    return run


@pytest.fixture
def curve(call, tmp_path):
    """Run `curve` on a text or bytes; the estimate, or the one line of an error."""

    def run(content, *words, name="loss.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        called = call("curve", path, *words, "--json")
        if called.status == 0:
            return json.loads(called.out)["estimate"]
        assert (called.status, called.out) == (2, "")
        assert called.err.count("\n") == 1
        assert "Traceback" not in called.err
        return called.err

    return run


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """The folder of a store that tests only read."""
    return make_store(tmp_path_factory.mktemp("stores") / "small").path


@pytest.fixture(scope="session")
def law_store(tmp_path_factory):
    """The folder of a store whose losses follow a law."""
    return make_law_store(tmp_path_factory.mktemp("stores") / "law").path
