"""The runs of a store in Python: frontiers, decompositions, tables."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from epiplexity_jax import analysis
from epiplexity_jax.analysis import Curve
from epiplexity_jax.analysis.frontier.decompose_all import decompose_all, default_budgets
from epiplexity_jax.analysis.laws.points import NotIdentified
from epiplexity_jax.analysis.ranking.measures import MEASURES
from epiplexity_jax.analysis.ranking.observers import Measured, other_choices, rankings_of
from epiplexity_jax.analysis.runs.facts import facts_of
from epiplexity_jax.analysis.runs.final_lengths import final_lengths as final_lengths
from epiplexity_jax.analysis.runs.notes import notes_of
from epiplexity_jax.analysis.runs.recipes import (
    RecipeReport,
    TriedRecipe,
    choice_for,
    recipe_of_rows,
    recipe_warnings,
    report_recipe,
    tried_recipes,
)
from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.report.plottable import PlottableFrontier, PlottableRankings
from epiplexity_jax.report.plottable import plot as plot
from epiplexity_jax.report.results import Decompositions
from epiplexity_jax.report.shown_runs import ShownRuns
from epiplexity_jax.store import Store, StoredRun
from epiplexity_jax.store.schema import TUNING
from epiplexity_jax.store.sections import sections_of


class Runs(ShownRuns):
    """The runs of a store, and what can be read from them.

    Attributes:
        path: the store's folder.

    Raises:
        StoreError: when the store holds no member's run.
    """

    def __init__(self, store: Store):
        self.path, runs = store.path, store.load()
        self._store = store
        self._trials = [run for run in runs if run.row["role"] == TUNING]
        self._runs = [run for run in runs if run.row["role"] != TUNING]
        if not self._runs:
            only = "holds no member's run yet, only those of tuning; run the sweep again"
            raise StoreError(f"{store.path}: {only}")
        sections = sections_of(store.config(), store.path / "sweep.yaml")
        self._defaults, self._estimator, self._chosen = sections

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def sources(self) -> list[str]:
        """Names of the sources, in the order of the config."""
        return list(dict.fromkeys(run.row["source"] for run in self._runs))

    @property
    def test_tokens(self) -> float | None:
        """The config's test tokens, if it names them."""
        return self._defaults.get("test_tokens")

    def curves(self, source: str | None = None, estimator: str | None = None) -> list[Curve]:
        """The runs as curves, of one source and one estimator where asked.

        Raises:
            ConfigError: when no run has them.
        """
        named = self._named(None if source is None else [source])
        runs = [run for run in self._runs if run.row["source"] in named]
        if estimator is None:
            return [analysis.curve_from(run) for run in runs]
        readers = [(run, analysis.curves_by_estimator(run)) for run in runs]
        known = {name for _, by_estimator in readers for name in by_estimator}
        if estimator not in known:
            raise ConfigError(f"estimator: {did_you_mean('estimator', estimator, known)}")
        return [
            by_estimator[estimator](run)
            for run, by_estimator in readers
            if estimator in by_estimator
            and (run.row["estimator"] == estimator or len(run.history.get("step", ())))
        ]

    def online_losses(self, run_id: str) -> analysis.OnlineLosses:
        """Losses of a run's training labels before it learnt them, block by block.

        Returns:
            Boundaries in label tokens, sums in nats and their standard errors; sums by group and by
            component of a mix.

        Raises:
            ConfigError: when there is no such run, or an older version trained it.
            StoreError: when the file cannot be read or was written by a newer version.
        """
        rows = {run.row["run_id"]: run.row for run in self._runs}
        if run_id not in rows:
            raise ConfigError(f"run_id: {did_you_mean('run', run_id, rows)}")
        if (stream := self._store.stream(run_id)) is None:
            raise ConfigError(
                f"run_id: {run_id} has no losses by block, as an older version trained it or a run "
                "that it continues, or its file is damaged; train it again in a new store"
            )
        return analysis.online_losses_from(rows[run_id], stream)

    def notes(self, source: str) -> tuple[str, ...]:
        """Notes on the data and the models of a source's runs, which its frontier repeats."""
        return notes_of(self._rows_of(source))

    def _rows_of(self, source: str) -> list[dict[str, Any]]:
        return [run.row for run in self._runs if run.row["source"] == source]

    def frontier(
        self,
        test_tokens: float | None = None,
        source: str | None = None,
        *,
        estimator: str | None = None,
        variant: str | None = None,
        floor: str | None = None,
        procedure: str = "refined",
    ) -> PlottableFrontier:
        """The frontier of one source.

        Args:
            test_tokens: label tokens of the dataset whose information is measured; default: those
                of the sweep's config.
            source: its name; may be left out when there is one.
            estimator: default: the sweep's. The teachers of a requential sweep are prequential
                runs, so "prequential" gives the other estimate of the same training.
            variant: "switch", "paired", "online" or "exact", of a requential sweep "switch",
                "ema_student" or "student"; default: that of the sweep's config.
            floor: "ema", "raw" or "entropy_rate"; default: that of the sweep's config.
            procedure: "refined", "hull-median", "raw", "fitted" or one that was registered.

        Raises:
            ConfigError: when an argument is not allowed or no test tokens are known.
        """
        if source is None:
            if len(self.sources) > 1:
                raise ConfigError(f"source: name one of {', '.join(self.sources)}")
            source = self.sources[0]
        curves = self.curves(source, estimator)
        own = next((self._asked_for(c.estimator, c.variants) for c in curves), (None, None))
        traced = analysis.trace(
            curves,
            test_tokens=self._test_tokens(test_tokens),
            variant=variant or own[0],
            floor=floor or own[1],
            procedure=procedure,
        )
        recipe, facts = self._recipe(source, traced), facts_of(self._rows_of(source))
        warnings = (*traced.warnings, *recipe_warnings(recipe), *self.notes(source))
        setting = replace(traced.setting, recipe=recipe, facts=facts)
        members, rate = traced.all_members, traced.entropy_rate_nats
        return PlottableFrontier(setting, members, warnings, rate, traced.traced)

    def frontiers(
        self,
        test_tokens: float | None = None,
        sources: Sequence[str] | None = None,
        **options: Any,
    ) -> dict[str, PlottableFrontier]:
        """The frontier of every source, or of some, by name; options as for `frontier`.

        Raises:
            ConfigError: as for `frontier`, naming the source of which no law is identified.
        """
        named = self._named(sources)
        found = {}
        for name in named:
            try:
                found[name] = self.frontier(test_tokens, name, **options)
            except NotIdentified as error:
                if len(named) == 1:
                    raise
                raise ConfigError(f"{name}: {error}; name the other sources by --source") from None
        return found

    def _named(self, sources: Sequence[str] | None) -> list[str]:
        """The sources of that name, or all, in the order of the config."""
        _check_known(sources, self.sources)
        return [name for name in self.sources if not sources or name in sources]

    def decompositions(
        self,
        test_tokens: float | None = None,
        compute: Sequence[float] | None = None,
        **options: Any,
    ) -> Decompositions:
        """S_T and H_T of every source at every budget; options as for `frontiers`.

        Budgets are FLOPs; default: the config's, else log-spaced over the sweep, the same for
        every source.
        """
        frontiers = self.frontiers(test_tokens, **options)
        return Decompositions(decompose_all(frontiers, self.budgets(compute)))

    def floor_table(
        self,
        test_tokens: float | None = None,
        compute: Sequence[float] | None = None,
        *,
        sources: Sequence[str] | None = None,
        **options: Any,
    ) -> Decompositions:
        """S_T and H_T under every variant and floor that the store allows, source by source.

        Their difference shows how far a result depends on the choice.

        Args:
            test_tokens: as for `frontier`.
            compute: budgets in FLOPs; default: the config's, else for every source the largest
                to which none of its frontiers has to be carried.
            sources: as for `frontiers`.
            **options: estimator and procedure, as for `frontier`.
        """
        chosen, table = self.budgets(compute), Decompositions()
        for name in self._named(sources):
            frontiers = [
                self.frontier(test_tokens, name, variant=variant, floor=floor, **options)
                for variant, floor in analysis.choices(self.curves(name, options.get("estimator")))
            ]
            reached = [budgets[-1] for f in frontiers if (budgets := f.budgets())]
            for budget in chosen or ([min(reached)] if reached else []):
                table += [frontier.at(budget) for frontier in frontiers]
        return table

    def rank(
        self, test_tokens: float | None = None, compute: Sequence[float] | None = None, **how: Any
    ) -> PlottableRankings:
        """The sources of this store in order at every budget; see `rank`."""
        return rank([self], test_tokens, compute, **how)

    def _measured(
        self, test_tokens: float | None, sources: Sequence[str] | None, options: Mapping[str, Any]
    ) -> Measured:
        """The frontiers of some sources, and those under every other variant or floor."""
        named = [name for name in self.sources if not sources or name in sources]
        frontiers = self.frontiers(test_tokens, named, **options) if named else {}
        curves = [c for name in named for c in self.curves(name, options.get("estimator"))]
        others = {
            name: self.frontiers(test_tokens, named, **{**options, **choice})
            for name, choice in other_choices(curves, frontiers.values()).items()
        }
        return Measured(self.path.name, self._runs[0].row["family"], frontiers, others)

    def recipes(
        self, test_tokens: float | None = None, sources: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """One row per recipe that was tried, source by source, with its code on the tuned size.

        The lengths are those of the config's variant and floor; S and MDL where MDL is least.

        Args:
            test_tokens: as for `frontier`.
            sources: None are all.
        """
        tokens = self._test_tokens(test_tokens)
        return [
            {"source": name, "size": self._trials_of(name)[0].row["size"]} | one.to_json()
            for name in self._named(sources)
            for one in self._tried(name, tokens)
        ]

    def _trials_of(self, source: str) -> list[StoredRun]:
        return [run for run in self._trials if run.row["source"] == source]

    def _tried(
        self, source: str, test_tokens: float, like: analysis.Frontier | None = None
    ) -> list[TriedRecipe]:
        """The recipes that were tried, scored as a frontier is, or by the config's choice."""
        if not (trials := self._trials_of(source)):
            return []
        row = trials[0].row
        own = self._asked_for(row["estimator"], row["variants"])
        if like is not None and like.estimator == row["estimator"]:
            own = choice_for(trials[0], (like.variant, like.floor), own)
        return tried_recipes(trials, self._chosen.get(source) or {}, test_tokens, *own)

    def _recipe(self, source: str, frontier: analysis.Frontier) -> RecipeReport:
        """The recipe of a source's members: tuned, or else what their rows hold."""
        if source not in self._chosen:
            return recipe_of_rows(self._rows_of(source), "fixed")
        tried = self._tried(source, frontier.test_tokens, frontier)
        report = report_recipe(tried, self._trials_of(source))
        return report or recipe_of_rows(self._rows_of(source), "tuned")

    def budgets(self, compute: Sequence[float] | None = None) -> list[float] | None:
        """The budgets asked for, each once, else the config's, else None."""
        return list(dict.fromkeys(compute or self._defaults.get("compute") or ())) or None

    def rows(
        self,
        test_tokens: float | None = None,
        variant: str | None = None,
        floor: str | None = None,
        sources: Sequence[str] | None = None,
        *,
        tuning: bool = False,
    ) -> list[dict[str, Any]]:
        """One row per run: its columns in the store, and its final model and data length.

        The lengths are None for a run that ended early. `model_bits` is never a certified length;
        `heldout_loss_nats` is that of the raw weights where the floor is.

        Args:
            test_tokens: as for `frontier`, like variant and floor.
            variant: None is the config's.
            floor: None is the config's.
            sources: None are all.
            tuning: True adds the runs that chose the recipes, whose `role` is "tuning".
        """
        named, tokens = self._named(sources), self._test_tokens(test_tokens)
        runs = (*self._runs, *(self._trials if tuning else ()))
        return [
            self._row(run, tokens, variant, floor) for run in runs if run.row["source"] in named
        ]

    def _asked_for(self, estimator: str, variants: Sequence[str]) -> tuple[str | None, str | None]:
        """The variant and the floor of the config; None for a run of another estimator.

        A run trained once is not written again when a config reads it another way.
        """
        own = self._estimator
        if own.get("kind") != estimator:
            return None, None
        return own.get("reference") or own.get("variant") or variants[0], own.get("floor")

    def _test_tokens(self, test_tokens: float | None) -> float:
        if test_tokens is None:
            test_tokens = self.test_tokens
        if test_tokens is None:
            raise ConfigError(
                "test_tokens: not known; give the label tokens of the dataset that you measure "
                "(--test-tokens, or frontier.test_tokens in the config)"
            )
        return test_tokens


def _check_known(sources: Sequence[str] | None, known: Sequence[str]) -> None:
    for name in sources or ():
        if name not in known:
            raise ConfigError(did_you_mean("source", name, known))


def load(store: str | os.PathLike[str]) -> Runs:
    """Load the runs of a store.

    Raises:
        StoreError: when the folder is missing, empty or not a store.
    """
    return Runs(Store.open(Path(store)))


def rank(
    stores: Sequence[Runs | str | os.PathLike[str]] | Runs | str | os.PathLike[str],
    test_tokens: float | None = None,
    compute: Sequence[float] | None = None,
    *,
    by: str = "S",
    sources: Sequence[str] | None = None,
    **options: Any,
) -> PlottableRankings:
    """Order datasets by S_T, or by another value, at compute budgets (docs/rank.md).

    Nothing is trained. Stores of one family with different sources are ranked together, others are
    observers whose orders are compared.

    Args:
        stores: one store or several, or their runs.
        test_tokens: as for `Runs.frontier`.
        compute: budgets in FLOPs; default: a single store's own, else as in `decompose_all`.
        by: "S", "H", "MDL" or "S-per-byte".
        sources: names of some sources; None are all.
        **options: estimator, variant, floor and procedure, as for `Runs.frontier`.

    Raises:
        ConfigError: when the datasets do not compare, saying how to make them.
        StoreError: when a folder is not a store.
    """
    MEASURES.find(by, "by")
    several = [stores] if isinstance(stores, Runs | str | os.PathLike) else list(stores)
    runs = [one if isinstance(one, Runs) else load(one) for one in several]
    _check_known(sources, [name for one in runs for name in one.sources])
    measured = [one._measured(test_tokens, sources, options) for one in runs]
    budgets = runs[0].budgets(compute) if len(runs) == 1 else list(compute or ())
    found = [f for one in measured for f in one.frontiers.values()]
    ranked = rankings_of(measured, by, budgets or default_budgets(found))
    return PlottableRankings(ranked.rankings, ranked.changes)
