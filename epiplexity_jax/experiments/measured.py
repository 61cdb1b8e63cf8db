"""Lengths of an experiment's runs at the end of training, with intervals over seeds."""

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.analysis.frontier.intervals import LEVEL
from epiplexity_jax.analysis.frontier.members import Member
from epiplexity_jax.analysis.ranking.differences import Difference
from epiplexity_jax.analysis.ranking.ranking import Ranking
from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.base.units import nats_to_bits
from epiplexity_jax.experiments.findings import Estimate
from epiplexity_jax.results import Runs

Part = Literal["model", "data", "mdl"]
_PARTS: tuple[Part, ...] = ("model", "data", "mdl")
_NORMAL = 1.96  # 95 % of a normal distribution


class Ending(NamedTuple):
    """The code of a source's best size after its last step, per seed.

    Attributes:
        size: name of the size.
        params: its parameters.
        seeds: [S] lengths in bits of the dataset that is measured, by part of the code.
        sampling: standard error of the mean that seeds do not show, by part, in bits.
    """

    size: str
    params: int
    seeds: Mapping[str, np.ndarray]
    sampling: Mapping[str, float]


class Measured:
    """Lengths of an experiment's runs, source by source.

    Args:
        runs: the runs of its store.
        sequences: sequences of the dataset whose information is measured; every source has as many.
        config: the sweep's config, as plain data; sources that it does not name are left out.
        estimator: whose lengths are read; default: the sweep's.

    Attributes:
        sources: names of the config's sources.
    """

    def __init__(
        self,
        runs: Runs,
        sequences: float,
        config: Mapping[str, Any],
        estimator: str | None = None,
    ):
        self.runs, self.sequences, self.config = runs, sequences, config
        self._estimator = estimator
        self.sources = list(config["sources"])
        rows = {row["source"]: row for row in runs.rows(1.0)}
        # Exact where labels vary: `label_tokens_per_step` is rounded.
        self._labels = {
            name: row["train_tokens_per_step"] / row["batch_size"] / row["tokens_per_label"]
            for name, row in rows.items()
        }
        self._seeds = int(config.get("family", {}).get("seeds", 3))
        self._frontiers: dict[str, Any] = {}
        self._endings: dict[tuple[str, str | None], Ending] = {}
        self._rankings: dict[tuple[str, str], Ranking] = {}
        self._answers: dict[tuple[str, float], Decomposition] = {}

    def under(self, estimator: str) -> "Measured":
        """The same runs, by the lengths of another estimator.

        Args:
            estimator: "requential", or "prequential", which the teachers of a requential sweep are.
        """
        return Measured(self.runs, self.sequences, self.config, estimator)

    def labels(self, source: str) -> float:
        """Label tokens of a sequence of a source, their mean where they vary.

        Raises:
            ConfigError: when there is no such source.
        """
        if source not in self._labels:
            raise ConfigError(f"{source}: the store has no run of this source")
        return self._labels[source]

    def frontier(self, source: str) -> Any:
        """The frontier of a source, for the label tokens of the dataset's sequences."""
        if source not in self._frontiers:
            tokens = self.sequences * self.labels(source)
            self._frontiers[source] = self.runs.frontier(tokens, source, estimator=self._estimator)
        return self._frontiers[source]

    def largest(self, *sources: str) -> float:
        """The largest budget, in FLOPs, that every one of some sources reaches."""
        return min(self.frontier(name).largest_compute for name in sources)

    def at(self, source: str, compute: float) -> Decomposition:
        """The decomposition of a source at a budget in FLOPs."""
        key = (source, compute)
        if key not in self._answers:
            self._answers[key] = self.frontier(source).at(compute)
        return self._answers[key]

    def estimate(self, source: str, compute: float) -> Decomposition:
        """The same without intervals, which take most of its time."""
        return self.frontier(source).estimate(compute)

    def compared(self, source: str, other: str, compute: float, looks: int = 1) -> Difference:
        """Difference of S_T of two sources at a budget, paired as `rank` pairs them.

        Args:
            source: the source whose S_T is taken.
            other: the source whose S_T is subtracted.
            compute: budget in FLOPs.
            looks: number of budgets of which the best is chosen: 95 % of the times the intervals
                at all of them hold (Bonferroni).
        """
        pair = source, other
        if pair not in self._rankings:
            self._rankings[pair] = Ranking({name: self.frontier(name) for name in pair}, "S", ())
        level = 1.0 - (1.0 - LEVEL) / looks
        return self._rankings[pair].order_at(compute, level).of(*pair)

    def ending(self, source: str, size: str | None = None) -> Ending:
        """The code of a size after the last step.

        Args:
            source: the source.
            size: name of the size; default: the one whose two-part code is shortest.

        Raises:
            StoreError: when no run of the source, or of that size, ended well.
        """
        if (source, size) not in self._endings:
            members = [m for m in self.frontier(source).all_members if size in (None, m.name)]
            if not members:
                raise StoreError(f"{self.runs.path}: no run of {source} ended well")
            best = min(members, key=lambda member: float(member.mdl_bits[-1]))
            self._endings[source, size] = _ending(best)
        return self._endings[source, size]

    def bits(self, source: str, part: Part) -> Estimate:
        """Length of a part of the code after the last step, of the whole dataset.

        The interval is that of the mean over seeds (Student's t) and of the sampled tokens.
        """
        ending = self.ending(source)
        return mean_over_seeds(ending.seeds[part], ending.sampling[part])

    def per_sequence(self, source: str, part: Part) -> Estimate:
        """The same in bits per sequence."""
        return self.bits(source, part).scaled(1.0 / self.sequences)

    def difference(self, source: str, other: str, part: Part) -> Estimate:
        """Difference of two sources' lengths per sequence; see `combined`.

        Args:
            source: the source whose length is taken.
            other: the source whose length is subtracted.
            part: part of the code.
        """
        return self.combined(_less(source, other), part)

    def half_way(self, source: str, other: str) -> tuple[int, Estimate]:
        """Difference of two sources' losses half-way through training, paired by seed.

        It is that of their largest size in bits per sequence, at the record point nearest to half
        of the steps. Of models of one size that read sequences of one length, T is the same.

        Args:
            source: the source whose loss is taken.
            other: the source whose loss is subtracted.

        Returns:
            The step, and the difference.
        """
        largest = {
            name: max(self.frontier(name).all_members, key=lambda member: member.params)
            for name in (source, other)
        }
        places = {name: _half_way(member) for name, member in largest.items()}
        endings = {name: _ending(member, places[name]) for name, member in largest.items()}
        step = int(largest[source].steps[places[source]])
        return step, self._weighted(_less(source, other), endings, "data")

    def steps_to(self, source: str, bits: float) -> Estimate:
        """Steps until the held-out loss of the ending's size first is at most so many bits.

        Steps are those of record points; the value is NaN where a seed never comes so far.

        Args:
            source: the source.
            bits: bits per sequence.
        """
        name = self.ending(source).size
        (member,) = (m for m in self.frontier(source).all_members if m.name == name)
        losses = member.data_seeds / self.sequences  # [S, R]
        steps = np.asarray(member.steps, float)
        reached = [steps[below][0] if (below := row <= bits).any() else math.nan for row in losses]
        return mean_over_seeds(np.array(reached), 0.0)

    def combined(self, weights: Mapping[str, float], part: Part) -> Estimate:
        """A weighted sum of sources' lengths per sequence, paired by seed where all have as many.

        Args:
            weights: weight of each source.
            part: part of the code.
        """
        return self._weighted(weights, {name: self.ending(name) for name in weights}, part)

    def _weighted(
        self, weights: Mapping[str, float], endings: Mapping[str, Ending], part: Part
    ) -> Estimate:
        """A weighted sum of lengths per sequence, see `combined`.

        Args:
            weights: weight of each source.
            endings: the lengths of each.
            part: part of the code.
        """
        sampling = math.hypot(*(w * endings[name].sampling[part] for name, w in weights.items()))
        seeds = [w * endings[name].seeds[part] for name, w in weights.items()]
        if {each.size for each in seeds} == {self._seeds}:  # none is lost: places are seeds
            return mean_over_seeds(np.sum(seeds, axis=0), sampling).scaled(1.0 / self.sequences)
        parts = [mean_over_seeds(each, 0.0) for each in seeds]
        value = sum(one.value for one in parts)
        ends = [one.interval for one in parts]
        if None in ends:
            return Estimate(value / self.sequences)
        halves = [(high - low) / 2 for low, high in filter(None, ends)]
        half = math.hypot(*halves, _NORMAL * sampling)
        return Estimate(value, value - half, value + half).scaled(1.0 / self.sequences)

    def entropy_rate(self, source: str) -> float | None:
        """Bits per sequence that no model can go below; None where theory gives none."""
        rate = self.frontier(source).entropy_rate_nats
        return None if rate is None else float(nats_to_bits(rate)) * self.labels(source)


def _less(source: str, other: str) -> dict[str, float]:
    """Weights of a difference, of a source from itself too."""
    return {source: 1.0, other: -1.0} if source != other else {source: 0.0}


def _half_way(member: Member) -> int:
    """The place of the record point nearest to half of the steps."""
    steps = np.asarray(member.steps)
    return int(np.abs(steps - steps[-1] / 2).argmin())


def _ending(member: Member, place: int = -1) -> Ending:
    """The code of a size at a record point, the last one unless another is named."""
    seeds = {part: _lengths(member, part)[:, place] for part in _PARTS}
    sampling = {part: _sampling(member, part, place) for part in _PARTS}
    return Ending(member.name, member.params, seeds, sampling)


def _lengths(member: Member, part: Part) -> np.ndarray:
    """[S, R] lengths of a part in bits."""
    if part == "mdl":
        return member.model_seeds + member.data_seeds
    return member.model_seeds if part == "model" else member.data_seeds


def _sampling(member: Member, part: Part, place: int) -> float:
    """Standard error at a record point that seeds do not show, in bits."""
    whole = float(getattr(member, f"{part}_stderr")[place])
    return math.sqrt(max(whole**2 - _variance(_lengths(member, part)[:, place]), 0.0))


def _variance(seeds: np.ndarray) -> float:
    """Variance of the mean over seeds; 0 of a single one."""
    return float(seeds.var(ddof=1) / seeds.size) if seeds.size > 1 else 0.0


def mean_over_seeds(seeds: np.ndarray, sampling: float) -> Estimate:
    """The mean over seeds with its interval, by Student's t; a single seed has none.

    Args:
        seeds: [S] a value of each seed.
        sampling: standard error of the mean that seeds do not show.
    """
    mean = float(seeds.mean())
    if seeds.size < 2:
        return Estimate(mean)
    from scipy.stats import t

    spread = float(t.ppf(0.975, seeds.size - 1)) * math.sqrt(_variance(seeds))
    half = math.hypot(spread, _NORMAL * sampling)
    return Estimate(mean, mean - half, mean + half)
