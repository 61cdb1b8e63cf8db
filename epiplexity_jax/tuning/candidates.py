"""Recipes to try: where a search begins, and the neighbours of a recipe."""

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

_RATES = tuple(0.03 * 4.0**power for power in range(-1, 4))
_BATCHES = (16, 64, 256)
_STEPPED = {"learning_rate": 2.0, "batch_size": 2}  # factors between neighbours
_LISTED = {
    "warmup_steps": (10, 100),
    "ema_growth": (0.03, 0.1, 0.3),
    "max_kl": (None, 0.1, 0.03),
}
_SMALLEST, _LARGEST = 1, 1024  # batches
_LEAST_STEPS = 16  # of a run; fewer are no training


class Candidate(NamedTuple):
    """A recipe whose data budget is left open; fields as in `sweep.config.Recipe`."""

    learning_rate: float
    warmup_steps: int
    batch_size: int
    ema_growth: float
    max_kl: float | None = None


@dataclass(frozen=True)
class Space:
    """The recipes that a search may try.

    Attributes:
        published: the values that the config gives, and the published ones of the others.
        free: names of the values that are not given.
        sequences: number of sequences that a run reads.
        divisor: number that divides every batch size.
        most_steps: the largest number of steps of a run.
        slack: share of the code that a lower rate than the best one may cost, and is still taken.
        seeds: seeds of every trial over the whole budget, whose mean code counts.
    """

    published: Candidate
    free: Collection[str]
    sequences: int
    divisor: int = 1
    most_steps: float = float("inf")
    slack: float = 0.0
    seeds: int = 1

    def start(self) -> list[Candidate]:
        """Rates and batches of the start grid, with the shortest warm-up."""
        rates = _RATES if "learning_rate" in self.free else (self.published.learning_rate,)
        batches = _BATCHES if "batch_size" in self.free else (self.published.batch_size,)
        first = self.published
        if "warmup_steps" in self.free:
            first = first._replace(warmup_steps=min(_LISTED["warmup_steps"]))
        tried = (
            first._replace(learning_rate=rate, batch_size=batch)
            for rate, batch in itertools.product(rates, batches)
        )
        return [candidate for candidate in tried if self.allows(candidate)]

    def neighbours(self, center: Candidate) -> list[Candidate]:
        """Recipes that differ from one in one value: its half and double, or the others listed."""
        found = []
        for name in Candidate._fields:
            if name not in self.free:
                continue
            value = getattr(center, name)
            if name in _STEPPED:
                factor = _STEPPED[name]
                others = [value / factor, value * factor]
                if name == "batch_size":
                    others = [value // factor, value * factor]
            else:
                others = [other for other in _LISTED[name] if other != value]
            found += [center._replace(**{name: other}) for other in others]
        return [candidate for candidate in found if self.allows(candidate)]

    def beyond(self, best: Candidate, tried: Collection[Candidate]) -> Candidate | None:
        """The next rate of the start grid where the best lies at its end; else None."""
        if "learning_rate" not in self.free:
            return None
        rates = [one.learning_rate for one in tried if one.batch_size == best.batch_size]
        rate = best.learning_rate
        if rate not in (min(rates), max(rates)):
            return None
        return best._replace(learning_rate=4.0 * rate if rate == max(rates) else rate / 4.0)

    def allows(self, candidate: Candidate) -> bool:
        """Return whether a batch is whole microbatches and leaves enough steps, but not too many.

        The published one is always allowed.
        """
        batch = candidate.batch_size
        steps = self.sequences // batch
        return batch == self.published.batch_size or (
            _SMALLEST <= batch <= _LARGEST
            and batch % self.divisor == 0
            and _LEAST_STEPS <= steps <= self.most_steps
        )
