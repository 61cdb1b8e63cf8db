"""Results as data frames: Arrow, and pandas or polars where they are installed."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.store.schema import Column, arrow_schema


class Framed(ABC):
    """A result that becomes a data frame (docs/notebooks.md has the columns)."""

    @abstractmethod
    def to_arrow(self, **options: Any) -> pa.Table:
        """The result as an Arrow table, whose fields have units and meanings as metadata."""

    def to_pandas(self, **options: Any) -> Any:
        """The result as a pandas data frame; whole numbers stay whole where some are missing.

        Args:
            **options: as for `to_arrow`.

        Raises:
            ConfigError: when pandas is not installed.
        """
        pandas = _imported("pandas", "to_pandas")
        kinds = {
            pa.int64(): pandas.Int64Dtype(),
            pa.bool_(): pandas.BooleanDtype(),
            pa.string(): pandas.StringDtype(),
        }
        return self.to_arrow(**options).to_pandas(types_mapper=kinds.get)

    def to_polars(self, **options: Any) -> Any:
        """The result as a polars data frame.

        Args:
            **options: as for `to_arrow`.

        Raises:
            ConfigError: when polars is not installed.
        """
        return _imported("polars", "to_polars").from_arrow(self.to_arrow(**options))


def _imported(name: str, method: str) -> Any:
    """An optional package.

    Raises:
        ConfigError: when it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise ConfigError(
            f"{method}: {name} is not installed; pip install {name}, or use to_arrow()"
        ) from None


def arrow_table(rows: Iterable[Mapping[str, Any]], columns: tuple[Column, ...]) -> pa.Table:
    """Rows as an Arrow table; intervals and recipes are flat as in `flat_row`."""
    return pa.Table.from_pylist([flat_row(row) for row in rows], arrow_schema(columns))


def flat_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without intervals and mappings: an interval becomes two columns.

    >>> flat_row({"a_interval": [1, 2], "b": {"kind": "fixed", "tried": 1}, "c": ["x"]})
    {'a_interval_low': 1, 'a_interval_high': 2, 'b_kind': 'fixed', 'b_tried': 1, 'c': ['x']}
    """
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if key.endswith("_interval"):
            flat[f"{key}_low"], flat[f"{key}_high"] = value or (None, None)
        elif isinstance(value, Mapping):  # of a recipe, whose neighbours are for JSON alone
            plain = {name: one for name, one in value.items() if not isinstance(one, list)}
            flat |= {f"{key}_{name}": one for name, one in plain.items()}
        else:
            flat[key] = value
    return flat
