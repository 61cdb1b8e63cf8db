"""Sections of a stored config that results are read by, checked, as anybody may edit the file."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from epiplexity_jax.base.config import shorten
from epiplexity_jax.base.errors import StoreError


class Sections(NamedTuple):
    """Sections of `sweep.yaml`; empty where it lacks them.

    Attributes:
        frontier: default test tokens and budgets.
        estimator: how the runs are read as codes.
        recipes: the recipe that was chosen for each source.
    """

    frontier: Mapping[str, Any]
    estimator: Mapping[str, Any]
    recipes: Mapping[str, Mapping[str, Any]]


def sections_of(config: Mapping[str, Any], file: Path) -> Sections:
    """Take the sections of a stored config.

    Args:
        config: content of the file.
        file: its name, for messages.

    Raises:
        StoreError: when one of them is no mapping, or holds no numbers where it must.
    """
    found = Sections(*(_mapping(config, name, file) for name in Sections._fields))
    budgets = found.frontier.get("compute")
    if not isinstance(budgets, list | tuple | None) or not all(map(_is_positive, budgets or ())):
        raise _wrong(file, "frontier.compute", "a list of positive numbers", budgets)
    tokens = found.frontier.get("test_tokens")
    if tokens is not None and not _is_positive(tokens):
        raise _wrong(file, "frontier.test_tokens", "a positive number", tokens)
    for source in found.recipes:
        for name, value in _mapping(found.recipes, source, file, "recipes.").items():
            if value is not None and not _is_positive(value) and value != 0:
                raise _wrong(file, f"recipes.{source}.{name}", "a number", value)
    return found


def _mapping(
    config: Mapping[str, Any], name: str, file: Path, within: str = ""
) -> Mapping[str, Any]:
    found = config.get(name)
    if found is not None and not isinstance(found, Mapping):
        raise _wrong(file, f"{within}{name}", "a mapping", found)
    return found or {}


def _is_positive(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and value > 0 and math.isfinite(value)


def _wrong(file: Path, key: str, expected: str, value: Any) -> StoreError:
    return StoreError(f"{file}: {key}: expected {expected}, got {shorten(value)}")
