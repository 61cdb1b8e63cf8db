"""Everything that a report rests on, read from stores; nothing is trained."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from epiplexity_jax.analysis import Curve, Decomposition, Frontier, Rankings
from epiplexity_jax.analysis.frontier.decompose_all import default_budgets
from epiplexity_jax.analysis.frontier.fitted import Fitted
from epiplexity_jax.analysis.frontier.rates import RateChange, rate_change
from epiplexity_jax.base.errors import ConfigError, EpiplexityError, StoreError
from epiplexity_jax.results import Runs, rank
from epiplexity_jax.store import Store

Options = Mapping[str, Any]
"""Options of `Runs.frontier`: test_tokens, estimator, variant, floor, procedure."""


@dataclass(frozen=True)
class Stored:
    """A store, and what its starts and its config say.

    Attributes:
        runs: its runs.
        rows: one a run of the sources that are shown, those of tuning too, as `Runs.rows` has them.
        starts: records of its starts.
        config: its resolved config, as text; given: the same as plain values.
        damage: sentences on files that could not be read.
    """

    runs: Runs
    rows: Sequence[Mapping[str, Any]]
    starts: Sequence[Mapping[str, Any]]
    config: str
    given: Mapping[str, Any]
    damage: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.runs.path.resolve().name


@dataclass(frozen=True)
class Report:
    """Content of a report, source by source.

    Attributes:
        stores: the stores.
        frontiers: by name of the source, after its store's where several stores have it.
        budgets: FLOPs that the tables have.
        results: decompositions at them, source by source.
        rankings: orders of the sources; None of one source, or where they do not compare.
        unranked: why there is no order; empty where there is one.
        curves: runs of every source.
        floors: results under every variant and floor.
        rates: changes with the learning rate.
        recipes: recipes that were tried.
        laws: laws fitted to the runs, by source; unfitted: why a source has no law, by its name.
    """

    stores: Sequence[Stored]
    frontiers: Mapping[str, Frontier]
    budgets: Sequence[float]
    results: Sequence[Decomposition]
    rankings: Rankings | None
    unranked: str
    curves: Mapping[str, Sequence[Curve]]
    floors: Sequence[Decomposition]
    rates: Sequence[RateChange]
    recipes: Sequence[Mapping[str, Any]] = ()
    laws: Mapping[str, Frontier] = field(default_factory=dict)
    unfitted: Mapping[str, str] = field(default_factory=dict)

    @property
    def largest(self) -> float:
        """The largest budget that the tables have."""
        return max(self.budgets)

    def at_largest(self) -> list[Decomposition]:
        """Results at the largest budget."""
        return [one for one in self.results if one.compute_flops == self.largest]


def gather(
    stores: Sequence[str | os.PathLike[str] | Runs],
    compute: Sequence[float] | None = None,
    sources: Sequence[str] | None = None,
    *,
    thorough: bool = True,
    **options: Any,
) -> Report:
    """Read everything that a report shows.

    Args:
        stores: folders of stores, or their runs.
        compute: budgets in FLOPs; default: as `Runs.decompositions` has them.
        sources: names of some sources; None are all.
        thorough: False leaves out other variants and floors, and the fitted laws.
        **options: test_tokens, estimator, variant, floor and procedure, as for `Runs.frontier`.

    Raises:
        ConfigError: when an argument is not allowed, or no test tokens are known.
        StoreError: when a folder is not a store, is given twice, or holds no run yet.
    """
    if not stores:
        raise ConfigError("stores: expected at least one, got none")
    read = [_stored(one, sources, options) for one in stores]
    paths = [one.runs.path.resolve() for one in read]
    if len(set(paths)) < len(paths):
        raise StoreError("STORE: a folder is given twice; name each store once")
    named = _named(read, sources)
    frontiers = {
        name: _renamed(one.runs.frontier(source=source, **options), name)
        for name, (one, source) in named.items()
    }
    budgets = _budgets(read, frontiers, compute)
    rankings, unranked = _ranked(read, frontiers, budgets, sources, options)
    laws, unfitted = _fitted(named, options) if thorough else ({}, {})
    return Report(
        stores=read,
        frontiers=frontiers,
        budgets=budgets,
        results=[frontier.at(budget) for frontier in frontiers.values() for budget in budgets],
        rankings=rankings,
        unranked=unranked,
        curves={
            name: one.runs.curves(source, options.get("estimator"))
            for name, (one, source) in named.items()
        },
        floors=_floors(named, budgets[-1], options) if thorough else (),
        rates=[found for f in frontiers.values() if (found := rate_change(f))],
        recipes=_recipes(named, options),
        laws=laws,
        unfitted=unfitted,
    )


Named = Mapping[str, tuple[Stored, str]]
"""A source's store and its name there, by its name in the report."""


def _stored(
    store: str | os.PathLike[str] | Runs, sources: Sequence[str] | None, options: Options
) -> Stored:
    folder = Store.open(Path(store.path if isinstance(store, Runs) else store))
    runs = store if isinstance(store, Runs) else Runs(folder)
    rows = runs.rows(
        options.get("test_tokens"), options.get("variant"), options.get("floor"), tuning=True
    )
    kept = [row for row in rows if not sources or row["source"] in sources]
    return Stored(
        runs, kept, folder.starts(), folder.read_config(), folder.config(), folder.warnings
    )


def _named(stores: Sequence[Stored], sources: Sequence[str] | None) -> dict[str, Any]:
    """Sources by a name of their own: that of the store comes first where several have it."""
    every = [(one, name) for one in stores for name in one.runs.sources]
    names = [name for _, name in every]
    found = {
        (name if names.count(name) == 1 else f"{one.name}: {name}"): (one, name)
        for one, name in every
    }
    if len(found) < len(every):
        raise StoreError("STORE: two folders of one name hold one source; rename a folder")
    for name in sources or ():
        if name not in names:
            raise ConfigError(f"source: {name!r} is in none of the stores, only {', '.join(names)}")
    return {name: pair for name, pair in found.items() if not sources or pair[1] in sources}


def _renamed(frontier: Frontier, name: str) -> Frontier:
    """A frontier whose results have the report's name of the source."""
    if name != frontier.source:
        frontier.setting = replace(frontier.setting, source=name)
    return frontier


def _budgets(
    stores: Sequence[Stored], frontiers: Mapping[str, Frontier], compute: Sequence[float] | None
) -> list[float]:
    own = stores[0].runs.budgets(compute) if len(stores) == 1 else list(compute or ())
    found = own or default_budgets(list(frontiers.values()))
    if not found:
        raise StoreError("STORE: every run diverged, so there is no budget; see `runs`")
    return sorted(found)


def _ranked(
    stores: Sequence[Stored],
    frontiers: Mapping[str, Frontier],
    budgets: Sequence[float],
    sources: Sequence[str] | None,
    options: Options,
) -> tuple[Rankings | None, str]:
    if len(frontiers) < 2:
        return None, ""
    plain = {name: value for name, value in options.items() if name != "test_tokens"}
    runs = [one.runs for one in stores]
    try:
        found = rank(runs, options.get("test_tokens"), budgets, sources=sources, **plain)
    except ConfigError as error:
        return None, str(error)
    return found, ""


def _floors(named: Named, budget: float, options: Options) -> list[Decomposition]:
    """Results under every variant and floor at a budget."""
    how = {name: options[name] for name in ("estimator", "procedure") if name in options}
    found = []
    for name, (one, source) in named.items():
        own = one.runs.floor_table(options.get("test_tokens"), [budget], sources=[source], **how)
        found += [replace(result, source=name) for result in own]
    return found


def _recipes(named: Named, options: Options) -> list[Mapping[str, Any]]:
    tokens = options.get("test_tokens")
    return [
        row | {"source": name}
        for name, (one, source) in named.items()
        for row in one.runs.recipes(tokens, [source])
    ]


def _fitted(named: Named, options: Options) -> tuple[dict[str, Frontier], dict[str, str]]:
    """Frontiers by a law fitted to the runs, and why a source has none."""
    laws, unfitted = {}, {}
    for name, (one, source) in named.items():
        try:
            found = one.runs.frontier(source=source, **{**options, "procedure": "fitted"})
        except EpiplexityError as error:
            unfitted[name] = str(error)
            continue
        if isinstance(found.traced, Fitted):
            laws[name] = found
    return laws, unfitted
