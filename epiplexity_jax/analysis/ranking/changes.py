"""Changes of an order of datasets: with compute, recipe, variant, floor and observer."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.analysis.ranking.differences import Difference
from epiplexity_jax.analysis.ranking.ranking import Ranking

_SHIFTS = (0.5, 2.0)
_NEAR = 1.02  # ratio by which a rate that was tried may miss the factor


@dataclass(frozen=True, kw_only=True)
class Change:
    """Two datasets whose order is not the same everywhere.

    Attributes:
        what: "compute", "rate", "variant", "floor" or "observer".
        larger: the source that is larger at `compute_flops`; smaller: the other.
        compute_flops: T.
        observer: name of the observer.
        elsewhere: where the other is the larger.
        elsewhere_compute_flops: T there.
        is_sure: True where the pair is separated in both places; an order under another rate,
            variant or floor is that of the estimates, so it is never sure.
    """

    what: str
    larger: str
    smaller: str
    compute_flops: float
    observer: str
    elsewhere: str
    elsewhere_compute_flops: float
    is_sure: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values by field name."""
        return asdict(self)


def changes_of(rankings: Sequence[Ranking]) -> list[Change]:
    """Find the pairs that are separated in one place and stand the other way round in another.

    Args:
        rankings: one for every observer.
    """
    found = [
        change
        for ranking in rankings
        for changes in (_with_compute, _with_rate, _with_alternatives)
        for change in changes(ranking)
    ]
    return found + [c for pair in combinations(rankings, 2) for c in _with_observer(*pair)]


def _larger(one: Difference) -> tuple[str, str]:
    first, second = one.pair
    return (first, second) if one.difference > 0.0 else (second, first)


def _with_compute(ranking: Ranking) -> Iterator[Change]:
    """One change a pair: between the closest budgets where it is sure, or else where it is not."""
    for pair in combinations(ranking.sources, 2):
        along = [order.of(*pair) for order in ranking.orders]
        turned = [
            (one, other)
            for one, other in combinations(along, 2)
            if one.difference and other.difference and _larger(one) != _larger(other)
            if one.separated or other.separated
        ]
        for one, other in sorted(turned, key=lambda two: -sum(d.separated for d in two))[:1]:
            larger, smaller = _larger(one)
            yield Change(
                what="compute",
                larger=larger,
                smaller=smaller,
                compute_flops=one.compute_flops,
                observer=ranking.observer,
                elsewhere=f"T = {other.compute_flops:.3g}",
                elsewhere_compute_flops=other.compute_flops,
                is_sure=one.separated and other.separated,
            )


def _with_rate(ranking: Ranking) -> Iterator[Change]:
    """Pairs that half or twice the learning rate, of both sources, turns round."""
    field = "mdl_change" if ranking.measure.name == "MDL" else "epiplexity_change"
    if ranking.measure.name == "H":
        return
    for order in ranking.orders:
        found = {place.found.source: place.found for place in order.places}
        values = {place.found.source: place.value for place in order.places}
        for shift in _SHIFTS:
            moved = {
                name: values[name] * (1.0 + change)
                for name, one in found.items()
                if (change := _change(one, shift, field)) is not None
            }
            yield from _turned(ranking, order.differences, moved, "rate", f"rate x {shift:g}")


def _change(found: Decomposition, shift: float, field: str) -> float | None:
    """Relative change of a value when the learning rate is shifted; None where it is not known."""
    recipe = found.recipe
    if recipe is None or not recipe.values.get("learning_rate"):
        return None
    for near in recipe.neighbours:
        ratio = near.get("learning_rate", 0.0) / recipe.values["learning_rate"]
        if 1.0 / _NEAR < ratio / shift < _NEAR:
            return near[field]
    return None


def _with_alternatives(ranking: Ranking) -> Iterator[Change]:
    """Pairs that another variant or floor turns round."""
    for name, frontiers in ranking.alternatives.items():
        for order in ranking.orders:
            moved = {
                source: ranking.measure.of(
                    f.estimate(order.compute_flops), ranking.measure.scale(f)
                )[0]
                for source, f in frontiers.items()
            }
            yield from _turned(ranking, order.differences, moved, name.split()[0], name)


def _turned(
    ranking: Ranking,
    compared: Sequence[Difference],
    moved: dict[str, float],
    what: str,
    elsewhere: str,
) -> Iterator[Change]:
    for one in compared:
        larger, smaller = _larger(one)
        if one.separated and {larger, smaller} <= moved.keys() and moved[larger] < moved[smaller]:
            yield Change(
                what=what,
                larger=larger,
                smaller=smaller,
                compute_flops=one.compute_flops,
                observer=ranking.observer,
                elsewhere=elsewhere,
                elsewhere_compute_flops=one.compute_flops,
                is_sure=False,
            )


def _with_observer(one: Ranking, other: Ranking) -> Iterator[Change]:
    """Pairs that two observers order differently at one budget, where either separates them."""
    common = [name for name in one.sources if name in other.sources]
    for mine in one.orders:
        for theirs in other.orders:
            if mine.compute_flops != theirs.compute_flops:
                continue
            for pair in combinations(common, 2):
                a, b = mine.of(*pair), theirs.of(*pair)
                if not (a.separated or b.separated) or _larger(a) == _larger(b):
                    continue
                larger, smaller = _larger(a)
                yield Change(
                    what="observer",
                    larger=larger,
                    smaller=smaller,
                    compute_flops=a.compute_flops,
                    observer=one.observer,
                    elsewhere=other.observer,
                    elsewhere_compute_flops=b.compute_flops,
                    is_sure=a.separated and b.separated,
                )
