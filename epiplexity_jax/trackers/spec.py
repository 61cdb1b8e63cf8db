"""Protocol of a sink, and the series whose numbers a sink gets."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from epiplexity_jax.base.errors import ConfigError

Plain = str | int | float | None


@dataclass(frozen=True)
class Series:
    """One run, or the sweep as a whole, whose numbers form a series.

    Attributes:
        id: the run id; the same when a run goes on.
        name: readable, unique in a store and fit for the name of a file.
        group: name of the store's folder.
        config: source, size, learning rate, seed, estimator: what distinguishes it from others.
    """

    id: str
    name: str
    group: str
    config: Mapping[str, Plain]


@runtime_checkable
class Sink(Protocol):
    """Receiver of a sweep's numbers, called in order in a thread of its own.

    After an exception nothing more is called, and one message says so. A resumed run logs its
    earlier record points again: a sink may leave out the steps that it has.
    """

    def start(self, store: Path) -> None:
        """Begin or resume a sweep in the folder `store`."""

    def log(self, series: Series, step: int, values: Mapping[str, float]) -> None:
        """Log numbers of a series.

        Args:
            series: the run, or the sweep.
            step: steps of the run at a record point, or member-steps of the sweep; it increases.
            values: finite numbers by name.
        """

    def finish(self, series: Series, summary: Mapping[str, Plain]) -> None:
        """End a series, with its last values; nothing more is logged to it."""

    def close(self) -> None:
        """Release what the sink holds; nothing more is called."""


def check_installed(package: str, extra: str) -> None:
    """Refuse a tracker whose package is missing, without importing it; the extra installs it.

    Raises:
        ConfigError: when the package is missing; the message has the command that installs it.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:  # Weights & Biases makes folders of its own name
        raise ConfigError(
            f"{extra} needs the package {package}: pip install 'epiplexity-jax[{extra}]'"
        )
