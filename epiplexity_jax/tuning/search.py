"""Successive halving over rates and batches, and steps to better neighbours: a pure search.

A search is a generator: it yields trials, is sent their scores (bits of the two-part code, infinite
where training diverged), and returns what it chose. So several searches, one a source, can share
the cohorts that train their trials.
"""

import math
from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from epiplexity_jax.tuning.candidates import Candidate, Space

SHARES = (Fraction(1, 8), Fraction(3, 8), Fraction(1))
"""Parts of the data budget that the trials of a round read."""
MOST_RUNS = 22
"""Runs over the whole budget that a search may cost: with their evaluation about 15 % of a grid of
9 rates, 3 batches, 2 warm-ups and 3 windows."""
TOLERANCE = 1e-3
"""Relative change of the code below which two recipes are equally good."""
_KEPT = 3  # one of so many trials of the first round goes on
_EXTENSIONS = 3  # of the grid of rates, at the first share
_RATES_KEPT = 3  # of the second round; short trials favour high rates
_STEPPED = ("learning_rate", "batch_size")
_AROUND = 4  # runs kept for the neighbours along the other axes
CONFIRMED = 3
"""Seeds of the last few recipes, where the others have one; their mean code decides."""
_RIVALS = 3  # recipes that are confirmed
_APART = 4.0  # factor between the rates of those


class Trial(NamedTuple):
    """A recipe to train on a share of the data budget, by one seed or several.

    A trial's score is the mean code of its seeds.
    """

    candidate: Candidate
    share: Fraction
    seeds: int = 1


@dataclass
class Chosen:
    """Outcome of a search.

    Attributes:
        candidate: the recipe.
        tried: every recipe that was tried, by its longest trial's share.
        scores: scores of all trials, bits.
    """

    candidate: Candidate
    scores: Mapping[Trial, float] = field(default_factory=dict)

    @property
    def tried(self) -> int:
        """Number of recipes tried."""
        return len({trial.candidate for trial in self.scores})


Scores = Mapping[Trial, float]
Search = Generator[list[Trial], Scores, Chosen]
_Round = Generator[list[Trial], Scores, None]


def search(space: Space) -> Search:
    """Choose the recipe with the shortest code (see the module)."""
    state = _State(space)
    first, middle, whole = SHARES
    tried = space.start()
    yield from state.evaluate(tried, first)
    yield from _extend(state, tried)
    kept = state.best(tried, math.ceil(len(tried) / _KEPT), first)
    yield from state.evaluate(kept, middle)
    kept = _of_distinct_rates(state.best(kept, len(kept), middle))
    most = MOST_RUNS - state.confirming
    yield from state.evaluate([space.published, *kept[:_RATES_KEPT]], whole)
    center = yield from _descend(state, state.center(), _STEPPED, most - _AROUND)
    axes: list[str] = list(Candidate._fields)
    if space.slack and "learning_rate" in space.free:
        center = yield from _slow_down(state, center)
        axes.remove("learning_rate")
    center = yield from _descend(state, center, axes, most)
    center = yield from _confirm(state, center)
    yield from state.evaluate(space.neighbours(center), whole, MOST_RUNS)  # to be reported
    return Chosen(center, state.scores)


def _of_distinct_rates(ranked: Iterable[Candidate]) -> list[Candidate]:
    """The best of every rate, in their order."""
    found: dict[float, Candidate] = {}
    for one in ranked:
        found.setdefault(one.learning_rate, one)
    return list(found.values())


def _extend(state: "_State", kept: list[Candidate]) -> _Round:
    """Add rates beyond the grid while the best is its last one."""
    for _ in range(_EXTENSIONS):
        (best,) = state.best(kept, 1, SHARES[0])
        inner = [one for one in kept if one.learning_rate != best.learning_rate]
        more = state.space.beyond(best, kept)
        if more is None or not all(state.beats(best, one, SHARES[0]) for one in inner):
            return
        kept.append(more)
        yield from state.evaluate([more], SHARES[0])


def _slow_down(state: "_State", center: Candidate) -> Generator[list[Trial], Scores, Candidate]:
    """Take the lowest rate, down to the published one, whose code is within the slack of the best.

    Codes hardly depend on the rate over factors of four and more, and the scatter of a few seeds
    chooses among these; the lower ones vary less between seeds, and suit longer runs.

    Args:
        state: the state of the search.
        center: the best recipe; it is tried over the whole budget.

    Returns:
        The recipe with the lowest rate of those.
    """
    whole, most = SHARES[-1], state.score(center) * (1.0 + state.space.slack)
    least = state.space.published.learning_rate
    tried: set[float] = set()
    while True:
        rates = {t.candidate.learning_rate for t in state.scores if t.share == whole}
        same = [center._replace(learning_rate=rate) for rate in rates if rate >= least]
        good = [one for one in same if state.score(one) <= most]
        lowest = min(good, key=lambda one: one.learning_rate, default=center)
        half = lowest._replace(learning_rate=lowest.learning_rate / 2.0)
        if half.learning_rate < least or half.learning_rate in tried:
            return lowest
        tried.add(half.learning_rate)
        yield from state.evaluate([half], whole, MOST_RUNS)


def _confirm(state: "_State", center: Candidate) -> Generator[list[Trial], Scores, Candidate]:
    """Train the best recipe and its rivals with more seeds; the shortest mean code is chosen.

    At high rates one seed may find a code that others miss by a factor of thirty; so rivals are the
    best at rates that lie apart.

    Args:
        state: the state of the search.
        center: the best recipe by one seed; it stays unless a rival is better.
    """
    if not state.confirming:
        return center
    rivals = [center]
    for one in state.ranked():
        factors = (one.learning_rate / other.learning_rate for other in rivals)
        if all(max(f, 1.0 / f) >= _APART for f in factors):
            rivals.append(one)
    rivals = rivals[:_RIVALS]
    if len(rivals) == 1:
        return center
    trials = [Trial(one, SHARES[-1], CONFIRMED) for one in rivals]
    found = yield trials
    state.add(found)
    least = min(trials, key=found.__getitem__)
    clear = 1.0 - max(TOLERANCE, state.space.slack)
    return least.candidate if found[least] < found[trials[0]] * clear else center


def _descend(
    state: "_State", center: Candidate, axes: Collection[str], most: int
) -> Generator[list[Trial], Scores, Candidate]:
    """Go to better neighbours, along several axes at once, until no neighbour is better.

    Args:
        state: the state of the search.
        center: the recipe to begin from; it is tried over the whole budget.
        axes: names of the values in which neighbours differ.
        most: runs over the whole budget after which no more is tried.

    Returns:
        The recipe without a better neighbour among those tried.
    """
    while True:
        around = [one for one in state.space.neighbours(center) if _differs(one, center, axes)]
        yield from state.evaluate(around, SHARES[-1], most)
        better = [one for one in around if state.beats(one, center)]
        if not better:
            return center
        joined = _joined(center, state.best(better, len(better)))
        if state.space.allows(joined):
            yield from state.evaluate([joined], SHARES[-1], most)
        (center,) = state.best([joined, *better], 1)


def _differs(one: Candidate, other: Candidate, axes: Collection[str]) -> bool:
    return any(getattr(one, name) != getattr(other, name) for name in axes)


def _joined(center: Candidate, better: Iterable[Candidate]) -> Candidate:
    """The best other value on every axis."""
    joined = center
    for one in better:
        for name, value in one._asdict().items():
            if getattr(joined, name) == getattr(center, name) != value:
                joined = joined._replace(**{name: value})
    return joined


class _State:
    """Scores so far, and what they cost in runs over the whole budget."""

    def __init__(self, space: Space):
        self.space, self.spent = space, Fraction(0)
        self.scores: dict[Trial, float] = {}
        self.confirming = _RIVALS * (CONFIRMED - 1) if space.seeds < CONFIRMED else 0

    def evaluate(
        self, candidates: Iterable[Candidate], share: Fraction, most: int = MOST_RUNS
    ) -> _Round:
        """Try what was not tried, as far as the search may cost it.

        The cost counts one seed, as all trials over the whole budget have as many.

        Args:
            candidates: recipes to try.
            share: part of the data budget that each of them reads.
            most: runs over the whole budget that all trials together may cost.
        """
        trials = []
        for one in dict.fromkeys(candidates):
            trial = self._trial(one, share)
            cost = share - max((t.share for t in self.scores if t.candidate == one), default=0)
            if trial in self.scores or self.spent + cost > most:
                continue
            trials.append(trial)
            self.spent += cost
        if trials:
            found = yield trials
            self.scores |= {trial: found[trial] for trial in trials}

    def add(self, found: Scores) -> None:
        """Keep scores of more seeds of what was tried by one."""
        self.spent += sum((trial.seeds - 1) * trial.share for trial in found)
        self.scores |= found

    def _trial(self, candidate: Candidate, share: Fraction) -> Trial:
        """The trial of a recipe: one seed screens, several may decide over the whole budget."""
        return Trial(candidate, share, self.space.seeds if share == SHARES[-1] else 1)

    def ranked(self) -> list[Candidate]:
        """Candidates that trained well over the whole budget, the best first."""
        tried = dict.fromkeys(t.candidate for t in self.scores if t.share == SHARES[-1])
        ranked = self.best(tried, len(tried))
        return [one for one in ranked if math.isfinite(self.score(one))]

    def score(self, candidate: Candidate, share: Fraction = SHARES[-1]) -> float:
        """Score at a share; infinite where it was not tried."""
        return self.scores.get(self._trial(candidate, share), math.inf)

    def beats(self, one: Candidate, other: Candidate, share: Fraction = SHARES[-1]) -> bool:
        """Return whether a recipe is better than another by more than the tolerance."""
        return self.score(one, share) < self.score(other, share) * (1.0 - TOLERANCE)

    def best(
        self, candidates: Iterable[Candidate], count: int, share: Fraction = SHARES[-1]
    ) -> list[Candidate]:
        """The best of some at a share; of equal ones those nearest the published recipe.

        Args:
            candidates: recipes to compare.
            count: number of recipes to return.
            share: part of the data budget at which they were tried.
        """

        def rank(one: Candidate) -> tuple[float, float]:
            return self.score(one, share), _distance(one, self.space.published)

        return sorted(candidates, key=rank)[:count]

    def center(self) -> Candidate:
        """The best over the whole budget; the published recipe where that is as good."""
        tried = [trial.candidate for trial in self.scores if trial.share == SHARES[-1]]
        best, published = self.best(tried, 1)[0], self.space.published
        return best if self.beats(best, published) else published


def _distance(one: Candidate, other: Candidate) -> float:
    """Number of doublings and other changes between two recipes."""
    far = 0.0
    for a, b in zip(one, other, strict=True):
        if a != b:
            far += abs(math.log2(a / b)) if a and b else 1.0
    return far
