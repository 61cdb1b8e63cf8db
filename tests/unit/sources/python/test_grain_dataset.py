"""Rows out of grain: the same kept, read again or read by workers, who end with their parent."""

import sys

import grain
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Grain, from_array, from_grain, open_source

TABLE = np.random.default_rng(0).integers(0, 300, (90, 12))
ALL = np.arange(90)


def dataset(table=TABLE):
    return grain.MapDataset.source(table)


def test_rows_are_those_of_the_array():
    source = from_grain(dataset(), vocab_size=300)
    array = from_array(TABLE, vocab_size=300)
    assert np.array_equal(source.read(ALL), array.read(ALL))
    assert source.read(ALL).dtype == np.uint16
    assert (source.info.length, source.info.has_bos) == (12, True)
    assert set(source.info.origins) & set(array.info.origins)


def test_a_name_stands_for_the_rows():
    """Rows with a name that are not kept are not read before they are needed."""
    asked = []
    watched = dataset().map(lambda row: asked.append(1) or row)
    source = from_grain(watched, vocab_size=300, memory=0, fingerprint="mine")
    assert 0 < len(asked) < 90
    kept = from_grain(dataset(), vocab_size=300, fingerprint="mine")
    assert source.info.fingerprint == kept.info.fingerprint
    other = from_grain(dataset(), vocab_size=300, fingerprint="other")
    assert source.info.fingerprint != other.info.fingerprint


def test_without_grain_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(ConfigError, match=r"grain: is not installed: pip install .*\[tfds\]"):
        from_grain(TABLE, vocab_size=300)


def test_a_config_names_a_function(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "named_rows.py").write_text(
        "from grain import MapDataset\n"
        "def rows(top):\n    return MapDataset.range(top).map(lambda i: [i, 1])\n"
        "def none():\n    raise KeyError('x')\n"
    )
    source = open_source(Grain(factory="named_rows:rows", options={"top": 40}, vocab_size=40))
    assert source.read(np.array([3])).tolist() == [[3, 1]]
    with pytest.raises(DataError, match="named_rows:none: the function raised KeyError"):
        open_source(Grain(factory="named_rows:none", vocab_size=40))
    with pytest.raises(ConfigError, match="named_rows has no 'nothing'"):
        open_source(Grain(factory="named_rows:nothing", vocab_size=40))
    with pytest.raises(ConfigError, match="factory: must be package.module:function"):
        Grain(factory="rows", vocab_size=40)
