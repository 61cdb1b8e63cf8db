"""Results as data frames of three libraries, with the same values."""

import importlib

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.report.frames import Framed, arrow_table
from epiplexity_jax.store.schema import Column

COLUMNS = (
    Column("source", pa.string(), "", "name"),
    Column("params", pa.int64(), "parameters", "N", null=True),
    Column("bits_interval_low", pa.float64(), "bits", "end", null=True),
    Column("bits_interval_high", pa.float64(), "bits", "end", null=True),
    Column("is_real", pa.bool_(), "", "flag", null=True),
    Column("flags", pa.list_(pa.string()), "", "edges"),
)
BIG = 2**53 + 1  # which no float64 is
ROWS = [
    {
        "source": "x",
        "params": BIG,
        "bits_interval": (1.5, None),
        "is_real": True,
        "flags": (),
    },
    {"source": "y", "params": None, "bits_interval": None, "is_real": None, "flags": ("a", "b")},
]
FLAT = [
    {
        "source": "x",
        "params": BIG,
        "bits_interval_low": 1.5,
        "bits_interval_high": None,
        "is_real": True,
        "flags": [],
    },
    {
        "source": "y",
        "params": None,
        "bits_interval_low": None,
        "bits_interval_high": None,
        "is_real": None,
        "flags": ["a", "b"],
    },
]


class Result(Framed):
    def to_arrow(self, first=0):
        return arrow_table(ROWS[first:], COLUMNS)


def test_arrow_has_types_units_and_nulls():
    table = Result().to_arrow()
    assert table.to_pylist() == FLAT
    assert [field.type for field in table.schema] == [column.type for column in COLUMNS]
    assert table.schema.field("params").metadata == {b"unit": b"parameters", b"meaning": b"N"}


def test_polars_has_the_values_of_arrow():
    frame = Result().to_polars()
    assert frame.to_dicts() == FLAT
    assert frame.schema["params"] == pl.Int64
    assert frame.schema["flags"] == pl.List(pl.String)


def test_pandas_has_the_values_of_arrow_and_whole_numbers_stay_whole():
    frame = Result().to_pandas()
    assert [str(kind) for kind in frame.dtypes[:5]] == [
        *("string", "Int64", "float64", "float64", "boolean")
    ]
    assert frame["params"][0] == BIG
    for column in frame:
        for value, row in zip(frame[column], FLAT, strict=True):
            expected = row[column]
            if expected is None:
                assert frame[column].isna()[FLAT.index(row)]
            else:
                assert value == expected if column != "flags" else list(value) == expected


def test_options_are_those_of_arrow():
    assert Result().to_pandas(first=1)["source"].tolist() == ["y"]
    assert Result().to_polars(first=1)["source"].to_list() == ["y"]
    assert np.isnan(Result().to_pandas(first=1)["bits_interval_low"][0])


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_a_package_that_is_not_installed_is_named_with_its_command(name, monkeypatch):
    def missing(module):
        raise ModuleNotFoundError(module)

    monkeypatch.setattr(importlib, "import_module", missing)
    said = f"to_{name}: {name} is not installed; pip install {name}, or use to_arrow"
    with pytest.raises(ConfigError, match=said):
        getattr(Result(), f"to_{name}")()
