"""Measures epiplexity and time-bounded entropy of datasets.

Names are imported on first use: importing the package loads neither JAX nor any layer of it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import (
    ConfigError,
    DataError,
    EpiplexityError,
    RunsFailed,
    StoreError,
)

if TYPE_CHECKING:
    from epiplexity_jax import analysis, coding, families, sources, trackers, training
    from epiplexity_jax.api import (
        CheckpointOptions,
        ExecutorOptions,
        FrontierOptions,
        Heldout,
        Prequential,
        Requential,
        Runs,
        Training,
        load,
        measure,
        plan,
        plot,
        rank,
        run,
        scaling_law,
        transfer,
        write_report,
    )
    from epiplexity_jax.progress import progress_bar

__all__ = [
    "CheckpointOptions",
    "ConfigError",
    "DataError",
    "EpiplexityError",
    "ExecutorOptions",
    "FrontierOptions",
    "Heldout",
    "Prequential",
    "Requential",
    "Runs",
    "RunsFailed",
    "StoreError",
    "Training",
    "__version__",
    "analysis",
    "coding",
    "families",
    "load",
    "measure",
    "plan",
    "plot",
    "progress_bar",
    "rank",
    "run",
    "scaling_law",
    "sources",
    "trackers",
    "training",
    "transfer",
    "write_report",
]

_LAYERS = {"analysis", "coding", "families", "sources", "trackers", "training"}
_API = {
    *(
        "CheckpointOptions",
        "ExecutorOptions",
        "FrontierOptions",
        "Heldout",
        "Prequential",
        "Requential",
        "Runs",
        "Training",
    ),
    *("load", "measure", "plan", "plot", "rank", "run", "scaling_law", "transfer", "write_report"),
}


def __getattr__(name: str) -> Any:
    if name in _LAYERS:
        return importlib.import_module(f"{__name__}.{name}")
    if name == "progress_bar":
        return importlib.import_module(f"{__name__}.progress").progress_bar
    if name in _API:
        return getattr(importlib.import_module(f"{__name__}.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
