"""Plugins: what an installed package registers is known to commands."""

import sys

import pytest

from epiplexity_jax.analysis import PROCEDURES
from epiplexity_jax.sources import opening
from tests.unit.cli.documents import only_json

MODULE = """
from typing import Literal

from epiplexity_jax import sources
from epiplexity_jax.analysis.frontier import procedures
from epiplexity_jax.base.config import Config


class Ramp(Config):
    \"\"\"Counting upwards.\"\"\"

    kind: Literal["ramp"] = "ramp"


sources.register(Ramp, lambda config: None)
procedures.PROCEDURES.register("last", procedures.raw)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package of one module, which is a plugin, and forget what it registered."""
    monkeypatch.setattr(PROCEDURES, "_values", dict(PROCEDURES._values))
    monkeypatch.setattr(opening._REGISTRY, "_entries", dict(opening._REGISTRY._entries))
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> None:
        (tmp_path / "ramps.py").write_text(text, encoding="utf-8")
        info = tmp_path / "ramps-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ramps\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[epiplexity_jax.plugins]\nramps = ramps\n")

    yield write
    sys.modules.pop("ramps", None)


def test_commands_know_the_sources_and_procedures_of_a_plugin(install, call, store):
    refused = call("frontier", store, "--frontier", "last", "--test-tokens", "1e6")
    assert refused.status == 2
    assert "--frontier: unknown choice 'last'" in refused.err
    install(MODULE)
    listed = only_json(call("sources", "--json"))["sources"]
    assert "ramp" in [entry["kind"] for entry in listed]
    options = ("--test-tokens", "1e6", "--json")
    found = only_json(call("frontier", store, "--frontier", "last", *options))
    assert {d["procedure"] for d in found["frontier"]} == {"last"}


def test_a_plugin_that_cannot_be_imported_is_named_in_one_line(install, call):
    install("raise ValueError('no such ramp')")
    refused = call("sources")
    assert refused.status == 2
    assert refused.err.count("\n") == 1
    assert "plugin ramps: ramps cannot be imported, ValueError: 'no such ramp'" in refused.err
