"""Results that draw and show themselves, and become data frames."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from epiplexity_jax.analysis import Frontier, Rankings
from epiplexity_jax.report.figures import frontier_chart, save
from epiplexity_jax.report.frame_columns import PLACES, VERTICES
from epiplexity_jax.report.frames import Framed, arrow_table
from epiplexity_jax.report.numbers import number
from epiplexity_jax.report.rank_figure import rank_chart
from epiplexity_jax.report.rank_tables import open_pairs_table, rank_table, sentences
from epiplexity_jax.report.results import Decompositions, ShownDecomposition
from epiplexity_jax.report.shown import Part, Shown
from epiplexity_jax.report.tables import decomposition_table
from epiplexity_jax.store.schema import arrow_schema


class PlottableFrontier(Frontier, Shown, Framed):
    """The MDL frontier of one source over compute, which can draw and show itself."""

    def at(self, compute: float, strict: bool = False) -> ShownDecomposition:
        """See `Frontier.at`."""
        return ShownDecomposition.of(super().at(compute, strict))

    def estimate(self, compute: float) -> ShownDecomposition:
        """See `Frontier.estimate`."""
        return ShownDecomposition.of(super().estimate(compute))

    def decompositions(self, compute: Sequence[float] | None = None) -> Decompositions:
        """Decompose at budgets in FLOPs; default: `budgets()`."""
        return Decompositions(map(self.at, self.budgets() if compute is None else compute))

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw MDL, S_T and H_T over compute; see `plot`."""
        return plot({self.source: self}, path)

    def to_arrow(self) -> pa.Table:
        """One row a vertex, the cheapest first; `decompositions` has rows of budgets."""
        columns = {
            "source": [self.source] * len(self.compute),
            "compute_flops": self.compute,
            "member": self.members,
            "params": self.params,
            "train_tokens": self.train_tokens,
            "epiplexity_bits": self.epiplexity_bits,
            "entropy_bits": self.entropy_bits,
            "mdl_bits": self.mdl_bits,
        }
        return pa.table(columns, arrow_schema(VERTICES))

    def _parts(self) -> Iterable[Part]:
        found = self.decompositions()
        warnings = dict.fromkeys((*self.warnings, *(w for one in found for w in one.warnings)))
        return (*([decomposition_table(found)] if found else []), list(warnings))

    def _picture(self) -> Any:
        return self.plot()

    def __repr__(self) -> str:
        reach = " to ".join(number(self.compute[i]) for i in (0, -1)) if len(self.compute) else "no"
        return (
            f"<Frontier of {self.source}: {len(self.compute)} vertices, {reach} FLOPs; "
            f"{self.estimator}, {self.variant}, floor {self.floor}, {self.procedure}, "
            f"{number(self.test_tokens)} test tokens>"
        )


class PlottableRankings(Rankings, Shown, Framed):
    """Orders of datasets over compute, which can draw and show themselves."""

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw values and ranks over compute, and write the picture where a path is given."""
        return _saved(rank_chart(self.rankings), path)

    def to_arrow(self) -> pa.Table:
        """One row a budget and dataset, in order: its place, then its decomposition."""
        return arrow_table(self.to_json()["rank"], PLACES)

    def _parts(self) -> Iterable[Part]:
        tables = [f(one) for one in self.rankings for f in (rank_table, open_pairs_table)]
        return (*filter(None, tables), sentences(self))

    def _picture(self) -> Any:
        return self.plot() if all(one.orders for one in self.rankings) else None

    def __repr__(self) -> str:
        return f"<Rankings: {'; '.join(_in_words(one) for one in self.rankings)}>"


def _in_words(ranking: Any) -> str:
    """The order at the largest budget, in one line."""
    if not ranking.orders:
        return f"{ranking.observer}: no budget"
    last = ranking.orders[-1]
    order = ", ".join(f"{place.found.source} ({place.group})" for place in last.places)
    top = f"{number(last.compute_flops)} FLOPs"
    return f"{ranking.observer} by {ranking.measure.name} at {top}: {order}"


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
