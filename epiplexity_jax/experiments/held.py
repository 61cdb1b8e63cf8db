"""The experiment that a store holds: another one, or another size, is refused beforehand."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from epiplexity_jax.base.errors import EpiplexityError, StoreError
from epiplexity_jax.base.files import read_if_there
from epiplexity_jax.experiments import stamp
from epiplexity_jax.experiments.definition import SIZES, Experiment, load, names
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import parse_sweep

RESULT = "experiment.json"
_SECTIONS = ("sources", "family", "estimator", "training", "recipe", "heldout", "seed")


def refuse_another(experiment: Experiment, size: str, folder: Path) -> None:
    """Refuse a folder with the runs of another experiment, or of this one at another size.

    A store is known by its config, else by its result: versions may differ in their configs. One
    that neither names must have the experiment's sources.

    Args:
        experiment: the experiment that is to be run.
        size: its size.
        folder: the folder of the store, which may be missing.

    Raises:
        StoreError: naming what the folder holds.
    """
    if not (folder.is_dir() and Store.is_store(folder)):
        return
    cure = "give another folder with --store"
    plain = _config(folder)
    found = next(_recorded(experiment, size, folder, plain), None)
    if found == (experiment.name, size):
        return
    if found is not None:
        raise StoreError(f"{folder}: holds the experiment {found[0]} at size {found[1]}; {cure}")
    sources = plain.get("sources")
    if isinstance(sources, Mapping) and set(sources) != set(experiment.config(size)["sources"]):
        shown = ", ".join(map(str, list(sources)[:3]))
        raise StoreError(
            f"{folder}: holds other sources than those of {experiment.name}, {shown}; {cure}"
        )


def differing_section(experiment: Experiment, size: str, stored: Mapping[str, Any]) -> str | None:
    """Find the first section in which a store's sweep differs from an experiment's, if any.

    Args:
        experiment: the experiment.
        size: its size.
        stored: the store's sweep as plain data, all keys named.
    """
    wanted = parse_sweep(experiment.config(size)).to_plain()
    return next((name for name in _SECTIONS if stored.get(name) != wanted.get(name)), None)


def _config(folder: Path) -> dict[str, Any]:
    """The store's config as it was written; empty where it is damaged."""
    with contextlib.suppress(EpiplexityError):
        return Store.open(folder).config()
    return {}


def _recorded(
    experiment: Experiment, size: str, folder: Path, plain: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield experiments and sizes whose sweep it is, the asked one first; then those of its result.

    Args:
        experiment: the experiment that is asked for.
        size: its size.
        folder: the folder of the store.
        plain: the store's config.
    """
    with contextlib.suppress(EpiplexityError):  # it has models of the user's own, say
        stored = parse_sweep(plain).to_plain()
        asked = experiment, size
        for one, each in (asked, *itertools.product(map(load, names()), SIZES)):
            if differing_section(one, each, stored) is None:
                yield one.name, each
    path = folder / RESULT
    with contextlib.suppress(EpiplexityError):
        if (text := read_if_there(path)) is not None:
            written = stamp.from_json(text, path)
            yield str(written.get("experiment")), str(written.get("size"))
