"""What a tracker is: the protocol of a sink, and the series that it is told of."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from epiplexity_jax.base.errors import ConfigError

Plain = str | int | float | None


@dataclass(frozen=True)
class Series:
    """What numbers belong to: one run, or the sweep as a whole.

    Attributes:
        id: the run id; the same when a run goes on.
        name: readable, unique in a store and fit for the name of a file.
        group: name of the store's folder.
        config: what tells it from others: source, size, learning rate, seed, estimator.
    """

    id: str
    name: str
    group: str
    config: Mapping[str, Plain]


@runtime_checkable
class Sink(Protocol):
    """Receives what is tracked, in order, in a thread of its own.

    After an exception nothing more is called, and the user is told once. A run that goes on tells
    its earlier record points again: a sink may leave out the steps that it has.
    """

    def start(self, store: Path) -> None:
        """A sweep begins or goes on in the folder `store`."""
        ...

    def log(self, series: Series, step: int, values: Mapping[str, float]) -> None:
        """Finite numbers of a series at a step, which rises: at a record point of a run."""
        ...

    def finish(self, series: Series, summary: Mapping[str, Plain]) -> None:
        """A series ended so; nothing more is logged to it."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


def check_installed(package: str, extra: str) -> None:
    """Refuse a tracker whose package is missing; imports nothing.

    Raises:
        ConfigError: naming the extra that installs it.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:  # Weights & Biases makes folders of its own name
        raise ConfigError(
            f"{extra} needs the package {package}: pip install 'epiplexity-jax[{extra}]'"
        )
