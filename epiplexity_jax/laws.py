"""Scaling laws: published ones, given ones, and those fitted to a file or to a store."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from epiplexity_jax.analysis.frontier.fitted import Fitted
from epiplexity_jax.analysis.laws.embeddings import ComputeLaw
from epiplexity_jax.analysis.laws.examine import DRAWS, examine
from epiplexity_jax.analysis.laws.files import PointColumns, read_points
from epiplexity_jax.analysis.laws.points import LossPoints
from epiplexity_jax.analysis.laws.presets import PRESETS
from epiplexity_jax.analysis.laws.report import LawReport, report
from epiplexity_jax.analysis.scaling_law import ScalingLaw
from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.report.figures import save
from epiplexity_jax.report.law_figure import law_chart
from epiplexity_jax.report.law_tables import answers_table, fit_table
from epiplexity_jax.report.numbers import number
from epiplexity_jax.report.shown import Part, Shown
from epiplexity_jax.results import Runs, load

TEST_TOKENS = 1e12
"""Label tokens for which the published laws are answered where none are given."""


class Fitting(TypedDict, total=False):
    """The options of a fit, as `scaling_law` takes them."""

    columns: PointColumns | None
    drop_highest: int
    draws: int
    source: str | None


class PlottableLaw(LawReport, Shown):
    """A law and its answers, which can draw and show themselves."""

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw S_T and H_T over compute; see `plot_laws`."""
        return plot_laws([self], path)

    def _parts(self) -> Iterable[Part]:
        tables = [fit_table(self.examined)] if self.examined else []
        tables += [answers_table(self)] if self.answers else []
        return *tables, [*self.notes, *(self.examined.notes if self.examined else ())]

    def _picture(self) -> Any:
        return self.plot() if self.answers else None

    def __repr__(self) -> str:
        law = self.law
        return (
            f"<{self.name}: L = {law.irreducible_nats:.4g} + ({number(law.n0)}/N)^{law.alpha:.4g} "
            f"+ ({number(law.d0)}/D)^{law.beta:.4g}; {self.origin}>"
        )


def scaling_law(
    law: str | ScalingLaw | ComputeLaw | None = None,
    *,
    fit: str | os.PathLike[str] | LossPoints | Runs | None = None,
    test_tokens: float | None = None,
    compute: Sequence[float] | None = None,
    vocab_size: int | None = None,
    **fitting: Unpack[Fitting],
) -> PlottableLaw:
    """Answer for a scaling law: S_T, H_T and the best model at budgets, and in their limit.

    Args:
        law: a preset's name (`analysis.PRESETS`), a law, or one over compute.
        fit: instead, a table of losses, points, or a store whose curves the law is fitted to.
        test_tokens: label tokens of the dataset that is measured; default: 1e12 of a preset, the
            config's of a store. Without them a fit has its parameters alone.
        compute: budgets T in FLOPs; default: spaced over where the answer changes, or over the
            compute of the fitted losses.
        vocab_size: V, whose uniform code the untrained model is; default: the preset's or store's.
        **fitting: `columns` of the table (`PointColumns`), `drop_highest` (so many points of the
            highest losses are left out), `draws` (of a bootstrap over runs, from which the
            intervals come; 0 for none), `source` (of a store that has several).

    Raises:
        ConfigError: when an argument is not allowed or the losses do not identify a law.
        DataError: when a file cannot be read.
    """
    if (law is None) == (fit is None):
        raise ConfigError("scaling_law: give a law or what to fit one to, and not both")
    if fit is None and fitting:
        raise ConfigError(f"{next(iter(fitting))}: goes with fit only")
    source, columns = fitting.get("source"), fitting.get("columns")
    table = columns, fitting.get("drop_highest", 0), fitting.get("draws", DRAWS)
    if fit is None:
        name, found, known = _given(law)
    elif isinstance(fit, Runs) or (not isinstance(fit, LossPoints) and Path(fit).is_dir()):
        runs = fit if isinstance(fit, Runs) else load(fit)
        name, found, known = _fitted_to_store(runs, source, test_tokens, *table)
    else:
        name, found, known = _fitted_to_points(fit, source, *table)
    known |= {"compute": compute}
    known["test_tokens"] = known.get("test_tokens") if test_tokens is None else test_tokens
    known["vocab_size"] = known.get("vocab_size") if vocab_size is None else vocab_size
    return PlottableLaw(**vars(report(name, found, **known)))


def presets(test_tokens: float = TEST_TOKENS) -> list[PlottableLaw]:
    """Every published law."""
    return [scaling_law(name, test_tokens=test_tokens) for name in PRESETS]


def plot_laws(laws: Sequence[LawReport], path: str | os.PathLike[str] | None = None) -> Any:
    """Draw S_T and H_T per token over compute, one colour a law.

    Args:
        laws: the laws, whose test tokens are known.
        path: where to write the picture (.png, .svg, .pdf or .html); None writes nothing.

    Returns:
        The Altair chart.
    """
    chart = law_chart(laws)
    if path is not None:
        save(chart, Path(path))
    return chart


def _given(law: Any) -> tuple[str, ScalingLaw, dict[str, Any]]:
    """Name and parameters of a law that is given, and what is known with it."""
    if isinstance(law, str):
        if law not in PRESETS:
            raise ConfigError(f"law: {did_you_mean('law', law, PRESETS)}")
        preset = PRESETS[law]
        known = {"test_tokens": TEST_TOKENS, "vocab_size": preset.vocab_size}
        return law, preset.law, known | {"origin": preset.origin}
    return "given", law.law() if isinstance(law, ComputeLaw) else law, {}


def _fitted_to_points(
    fit: str | os.PathLike[str] | LossPoints,
    source: str | None,
    columns: PointColumns | None,
    drop_highest: int,
    draws: int,
) -> tuple[str, ScalingLaw, dict[str, Any]]:
    """Name, law and fit of a table of losses."""
    if source is not None:
        raise ConfigError("source: a table of losses has none; choose its rows (where)")
    name, points = "points", fit
    if not isinstance(points, LossPoints):
        name, points = Path(points).name, read_points(Path(points), columns)
    found = examine(points, drop_highest=drop_highest, draws=draws, what=name)
    return name, found.law, {"examined": found, "origin": f"fitted to {name}"}


def _fitted_to_store(
    runs: Runs,
    source: str | None,
    test_tokens: float | None,
    columns: PointColumns | None,
    drop_highest: int,
    draws: int,
) -> tuple[str, ScalingLaw, dict[str, Any]]:
    """Name, law and fit of a source's runs, and what is known of it."""
    if drop_highest or (columns or PointColumns()) != PointColumns():
        raise ConfigError("columns, drop_highest: go with a table of losses, not with a store")
    frontier = runs.frontier(test_tokens, source, procedure="fitted")
    traced = frontier.traced
    if not isinstance(traced, Fitted):
        raise ConfigError(f"fit: every run of {frontier.source} diverged, so there are no losses")
    drawn = draws if traced.several_seeds else 0
    found = examine(traced.fit.points, draws=drawn, resampled=traced.resampled, what=str(runs.path))
    if not traced.several_seeds:
        found = replace(found, notes=(*found.notes, "a single seed of every size: no intervals"))
    known = {"test_tokens": frontier.test_tokens, "vocab_size": frontier.vocab_size}
    origin = f"fitted to {frontier.source} of {runs.path}"
    return frontier.source, found.law, known | {"examined": found, "origin": origin}
