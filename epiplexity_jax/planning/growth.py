"""The next runs of a source: more tokens where the optimum is its run's end, sizes at an edge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from epiplexity_jax.analysis import Frontier
from epiplexity_jax.planning.reach import WORTH, gain
from epiplexity_jax.planning.sizes import BEYOND, FAR, SizeCost, most_tokens

_FACTOR = 2.0  # by which a run is lengthened
_LATE = 1.25  # the same of one that read the whole test set's worth, where an optimum ends
_NEARLY = 1.02


@dataclass(frozen=True)
class Growth:
    """A run to train further, or to begin.

    Attributes:
        source: name of the source.
        size: name of the size.
        tokens: training tokens that it is to reach.
        gain: share of the code that it may save.
        why: reason in words.
    """

    source: str
    size: str
    tokens: float
    gain: float
    why: str


@dataclass(frozen=True)
class Limits:
    """Limits of a source's runs.

    Attributes:
        budgets: FLOPs.
        test: label tokens of the dataset whose information is measured.
        test_total: its tokens, inputs included.
        most: the most training tokens that the source has for a run; infinite where it is drawn.
        least: training tokens of a run that is begun at an edge.
    """

    budgets: Sequence[float]
    test: float
    test_total: float
    most: float
    least: float

    def cap(self, one: SizeCost, beyond: float = BEYOND) -> float:
        """The most tokens that a run of a size is worth.

        Args:
            one: the size.
            beyond: factor to the largest budget that it goes to.
        """
        return min(most_tokens(one, self.budgets, self.test_total, beyond), self.most)


def grow(
    frontier: Frontier, grid: Mapping[str, float], costs: Sequence[SizeCost], limits: Limits
) -> list[Growth]:
    """Find the runs whose training would move or secure the frontier at a budget.

    Args:
        frontier: that of the runs so far.
        grid: training tokens of a source's runs, by size.
        costs: all sizes that may be trained, smallest first.
        limits: limits of the source's runs.

    Returns:
        The largest gain first; nothing where every budget's optimum lies inside.
    """
    found: dict[str, Growth] = {}

    def propose(
        one: SizeCost, tokens: float, share: float, why: str, beyond: float = BEYOND
    ) -> None:
        has = grid.get(one.name, 0.0)
        tokens = max(min(tokens, limits.cap(one, beyond)), limits.least if not has else 0.0)
        tokens = min(tokens, limits.most)
        if tokens > has * _NEARLY and share > found.get(one.name, _NOTHING).gain:
            found[one.name] = Growth(frontier.source, one.name, tokens, share, why)

    by_name = {one.name: one for one in costs}
    trained = [one for one in costs if one.name in grid]
    members = {member.name: member for member in frontier.all_members}
    learns = False
    for budget in limits.budgets:
        answer = frontier.traced.at(budget)
        if answer is None or answer.untrained:
            continue
        if not frontier.traced.beats(frontier.uniform_bits, budget):
            continue
        learns = True
        size = by_name.get(answer.member)
        if size is None:
            continue
        if answer.ends_run:
            has = grid[size.name]
            longer = has * (_LATE if has >= limits.test_total / _NEARLY else _FACTOR)
            propose(size, longer, 1.0, "its optimum is the end of its run", FAR)
        place = costs.index(size)
        if size == trained[-1] and place + 1 < len(costs):
            larger = costs[place + 1]
            propose(larger, _share(grid, size, limits), 0.5, f"{size.name} was the largest")
        if size == trained[0] and place > 0:
            smaller = costs[place - 1]
            propose(smaller, _share(grid, size, limits), 0.5, f"{size.name} was the smallest")
    if not learns:
        return _unlearnt(frontier, grid, costs, limits)
    for name, member in members.items():
        if name in by_name:
            most, least = limits.cap(by_name[name]), min(limits.budgets)
            share = gain(member, frontier.traced, most, limits.test, least)
            if share > WORTH:
                longer = _FACTOR * grid[name]
                propose(by_name[name], longer, share, "it may still reach the frontier")
    return sorted(found.values(), key=lambda one: -one.gain)


def _unlearnt(
    frontier: Frontier, grid: Mapping[str, float], costs: Sequence[SizeCost], limits: Limits
) -> list[Growth]:
    """One run to its end, where no model has learnt anything: some things are learnt late.

    It is that of the largest size that may read half of the test set's worth, or of the smallest.
    """
    trained = [one for one in costs if one.name in grid]
    if not trained:
        return []
    far = [one for one in trained if limits.cap(one) >= min(limits.test_total, limits.most) / 2]
    one = (far or trained[:1])[-1]
    has = grid[one.name]
    tokens = min(_FACTOR * has, limits.cap(one))
    if tokens <= has * _NEARLY:
        return []
    return [Growth(frontier.source, one.name, tokens, WORTH, "nothing is learnt yet")]


_NOTHING = Growth("", "", 0.0, 0.0, "")


def _share(grid: Mapping[str, float], size: SizeCost, limits: Limits) -> float:
    """Tokens with which a neighbour of a size begins."""
    return max(grid[size.name] / 4.0, limits.least)
