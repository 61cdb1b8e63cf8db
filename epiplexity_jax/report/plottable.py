"""Results that draw themselves."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epiplexity_jax.analysis import Frontier, Rankings
from epiplexity_jax.report.figures import frontier_chart, save
from epiplexity_jax.report.rank_figure import rank_chart


class PlottableFrontier(Frontier):
    """The MDL frontier of one source over compute, which can draw itself."""

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw MDL, S_T and H_T over compute; see `plot`."""
        return plot({self.source: self}, path)


class PlottableRankings(Rankings):
    """Orders of datasets over compute, which can draw themselves."""

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw values and ranks over compute, and write the picture where a path is given."""
        return _saved(rank_chart(self.rankings), path)


def plot(
    frontiers: Mapping[str, Frontier] | Frontier,
    path: str | os.PathLike[str] | None = None,
) -> Any:
    """Draw MDL with its frontier, S_T and H_T against compute, one colour a source.

    Args:
        frontiers: one, or several by name.
        path: where to write the picture (.png, .svg, .pdf or .html); None writes nothing.

    Returns:
        The Altair chart.
    """
    named = frontiers if isinstance(frontiers, Mapping) else {frontiers.source: frontiers}
    return _saved(frontier_chart(dict(named)), path)


def _saved(chart: Any, path: str | os.PathLike[str] | None) -> Any:
    if path is not None:
        save(chart, Path(path))
    return chart
