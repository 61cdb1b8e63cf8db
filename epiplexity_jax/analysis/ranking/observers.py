"""Rankings of the datasets in several stores: one for every observer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from epiplexity_jax.analysis.frontier.frontier import Frontier
from epiplexity_jax.analysis.ranking.changes import Change, changes_of
from epiplexity_jax.analysis.ranking.measures import MEASURES, check_comparable
from epiplexity_jax.analysis.ranking.ranking import Ranking
from epiplexity_jax.analysis.runs.curve import Curve
from epiplexity_jax.analysis.runs.lengths import choices
from epiplexity_jax.base.errors import ConfigError

Named = Mapping[str, Frontier]


@dataclass(frozen=True)
class Measured:
    """Datasets that one store holds.

    Attributes:
        store: name of the store.
        family: kind of its models.
        frontiers: by name of the source.
        alternatives: the same under another variant or floor, by its name.
    """

    store: str
    family: str
    frontiers: Named
    alternatives: Mapping[str, Named] = field(default_factory=dict)


@dataclass(frozen=True)
class Rankings:
    """Orders of datasets, by every observer that measured them.

    Attributes:
        rankings: one an observer.
        changes: pairs whose order is not the same everywhere.
    """

    rankings: tuple[Ranking, ...]
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Plain values: `rank`, one a budget and dataset; `differences`, one a pair; `changes`."""
        return {
            "rank": [row for one in self.rankings for row in one.rows()],
            "differences": [row for one in self.rankings for row in one.pairs()],
            "changes": [one.to_json() for one in self.changes],
        }


def other_choices(
    curves: Sequence[Curve], frontiers: Iterable[Frontier]
) -> dict[str, dict[str, str]]:
    """Find other variants with the floor of some frontiers, and other floors with their variant.

    Args:
        curves: the runs of the frontiers; what one of them does not allow is left out.
        frontiers: the frontiers.

    Returns:
        Variant and floor by a name such as "floor raw"; empty where the frontiers' own differ.
    """
    used = {(f.variant, f.floor) for f in frontiers}
    if len(used) != 1:
        return {}
    ((own_variant, own_floor),) = used
    found = {}
    for variant, floor in choices(curves):
        if (variant == own_variant) != (floor == own_floor):
            name = f"floor {floor}" if variant == own_variant else f"variant {variant}"
            found[name] = {"variant": variant, "floor": floor}
    return found


def rankings_of(stores: Sequence[Measured], by: str, budgets: Sequence[float]) -> Rankings:
    """Rank the datasets of stores, those of one observer together.

    Stores of one family are one observer where they hold different sources. Where they hold the
    same, they are observers of their own, as stores of other families are: their orders are
    compared, and not their values.

    Args:
        stores: what they hold.
        by: name of the value, see `MEASURES`.
        budgets: FLOPs.

    Raises:
        ConfigError: when the datasets of an observer do not compare.
    """
    observers = _observers(stores)
    for one in observers.values():
        check_comparable(one.frontiers, MEASURES.find(by, "by"))
    rankings = tuple(
        Ranking(one.frontiers, by, budgets, name, one.alternatives)
        for name, one in observers.items()
    )
    return Rankings(rankings, tuple(changes_of(rankings)))


def _observers(stores: Sequence[Measured]) -> dict[str, Measured]:
    """Stores of one family joined where their sources differ, by name."""
    found: dict[str, Measured] = {}
    for family in dict.fromkeys(one.family for one in stores):
        own = [one for one in stores if one.family == family]
        names = [name for one in own for name in one.frontiers]
        if len(set(names)) == len(names):
            found[family] = _joined(family, own)
        else:
            found |= {f"{family}, {one.store}": one for one in own}
    small = {name: one for name, one in found.items() if len(one.frontiers) < 2}
    if small and len(found) > 1:
        name, one = next(iter(small.items()))
        held = ", ".join(one.frontiers) or "no source"
        raise ConfigError(
            f"rank: the observer {name!r} measured {held} alone; datasets compare within one "
            "observer: a family, and stores that hold different sources of it"
        )
    return found


def _joined(family: str, stores: Sequence[Measured]) -> Measured:
    """Stores with different sources as one; of the alternatives those that all have."""
    frontiers = {name: f for one in stores for name, f in one.frontiers.items()}
    shared = [
        name for name in stores[0].alternatives if all(name in s.alternatives for s in stores)
    ]
    alternatives = {
        name: {source: f for one in stores for source, f in one.alternatives[name].items()}
        for name in shared
    }
    return Measured(", ".join(one.store for one in stores), family, frontiers, alternatives)
