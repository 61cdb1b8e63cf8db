"""Datasets in order of a value at compute budgets, under one observer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.analysis.frontier.edges import Interval
from epiplexity_jax.analysis.frontier.frontier import Frontier
from epiplexity_jax.analysis.frontier.intervals import LEVEL
from epiplexity_jax.analysis.ranking.differences import Difference, differences
from epiplexity_jax.analysis.ranking.groups import groups_of, letters_of
from epiplexity_jax.analysis.ranking.joint import JointReplicates
from epiplexity_jax.analysis.ranking.measures import MEASURES
from epiplexity_jax.analysis.ranking.more_compute import more_compute

_LADDER = 16  # budgets at which a pair is looked at beyond its own


@dataclass(frozen=True, kw_only=True)
class Place:
    """A dataset's place at a budget.

    Attributes:
        rank: from 1, of the estimates.
        rank_interval: the ranks that the separated pairs leave open to it.
        group: its letters; two datasets that share one are not separated.
        value: by which the datasets are ordered; value_interval: its own, not of differences.
        found: the decomposition.
    """

    rank: int
    rank_interval: tuple[int, int]
    group: str
    value: float
    value_interval: Interval | None
    found: Decomposition


@dataclass(frozen=True)
class Order:
    """The order of all datasets at a budget.

    Attributes:
        compute_flops: T.
        places: from the largest value to the smallest.
        differences: of every pair.
        groups: names of the datasets that are not separated, group by group.
    """

    compute_flops: float
    places: tuple[Place, ...]
    differences: tuple[Difference, ...]
    groups: tuple[tuple[str, ...], ...]

    def of(self, first: str, second: str) -> Difference:
        """The difference of two datasets, whichever is named first."""
        return next(d for d in self.differences if {first, second} == set(d.pair))


class Ranking:
    """Orders of datasets by one observer's measurements, which `check_comparable` allows.

    Args:
        frontiers: by name of the source.
        by: name of the value, see `MEASURES`.
        budgets: FLOPs.
        observer: name of the observer.
        alternatives: the same sources under another variant or floor, by its name.

    Attributes:
        orders: the order at every budget.
    """

    def __init__(
        self,
        frontiers: Mapping[str, Frontier],
        by: str,
        budgets: Sequence[float],
        observer: str = "",
        alternatives: Mapping[str, Mapping[str, Frontier]] | None = None,
    ) -> None:
        """Compare all pairs at every budget."""
        self.measure = MEASURES.find(by, "by")
        self.frontiers, self.observer = dict(frontiers), observer
        self.budgets, self.alternatives = tuple(budgets), dict(alternatives or {})
        self._replicates = JointReplicates(frontiers)
        self.orders = tuple(self._with_compute(self.order_at(b)) for b in self.budgets)

    @property
    def sources(self) -> list[str]:
        """Names of the sources."""
        return list(self.frontiers)

    def order_at(self, compute: float, level: float = LEVEL) -> Order:
        """The order at a budget; `more_compute` is not looked for.

        Args:
            compute: budget in FLOPs.
            level: chance that the intervals of all differences hold them.
        """
        found = [frontier.at(compute) for frontier in self.frontiers.values()]
        joint = replace(self._replicates.at(compute, found, self.measure), level=level)
        pairs = differences(self.sources, found, joint, self._replicates.known, self.measure)
        ranks = np.argsort(-joint.values, kind="stable")
        place_of = {self.sources[i]: place for place, i in enumerate(ranks)}
        apart = [(place_of[d.first], place_of[d.second]) for d in pairs if d.separated]
        groups = groups_of(len(found), apart)
        letters = letters_of(len(found), groups)
        places = []
        for place, i in enumerate(ranks):
            name = self.sources[i]
            above = sum(d.separated and name in d.pair and d.larger != name for d in pairs)
            below = sum(d.larger == name for d in pairs)
            scale = self.measure.scale(self.frontiers[name])
            value, interval = self.measure.of(found[i], scale)
            places.append(
                Place(
                    rank=place + 1,
                    rank_interval=(1 + above, len(found) - below),
                    group=letters[place],
                    value=value,
                    value_interval=interval,
                    found=replace(found[i], source=name),
                )
            )
        named = tuple(tuple(self.sources[ranks[p]] for p in group) for group in groups)
        return Order(float(compute), tuple(places), tuple(pairs), named)

    def _with_compute(self, order: Order) -> Order:
        """Add to every pair that is not separated the factor of T that would do it."""
        pairs = []
        for one in order.differences:
            reach = min(self.frontiers[name].largest_compute for name in one.pair)
            if one.separated or one.why in ("negative", "single_seed"):
                pairs.append(one)
                continue
            ladder = [o.of(*one.pair) for o in self._ladder if o.compute_flops <= reach]
            pairs.append(replace(one, **more_compute(one, ladder)._asdict()))
        return replace(order, differences=tuple(pairs))

    @cached_property
    def _ladder(self) -> list[Order]:
        """Orders at budgets from the least that is asked for to the end of the dearest run."""
        top = max(frontier.largest_compute for frontier in self.frontiers.values())
        least = min(self.budgets, default=top)
        if least >= top:
            return []
        return [self.order_at(float(b)) for b in np.geomspace(least, top * (1 - 1e-9), _LADDER)]

    def rows(self) -> list[dict[str, Any]]:
        """One row a budget and dataset, in order: its place, then its decomposition."""
        return [
            {
                "observer": self.observer,
                "by": self.measure.name,
                "rank": place.rank,
                "rank_interval": list(place.rank_interval),
                "group": place.group,
                "value": place.value,
                "value_interval": place.value_interval and list(place.value_interval),
                "unit": self.measure.unit,
                **place.found.to_json(),
            }
            for order in self.orders
            for place in order.places
        ]

    def pairs(self) -> list[dict[str, Any]]:
        """One row a budget and pair of datasets."""
        return [
            {"observer": self.observer, "unit": self.measure.unit} | d.to_json()
            for order in self.orders
            for d in order.differences
        ]
