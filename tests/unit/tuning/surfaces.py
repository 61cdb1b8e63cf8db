"""Made-up surfaces of the two-part code over recipes, and a search that reads them."""

import math
from collections.abc import Callable
from fractions import Fraction

from epiplexity_jax.tuning.candidates import Candidate, Space
from epiplexity_jax.tuning.search import Chosen, Trial, search

PUBLISHED = Candidate(0.03, 100, 64, 0.1)
TUNED = ("learning_rate", "warmup_steps", "batch_size", "ema_growth")

Surface = Callable[[Candidate], float]


def space(published=PUBLISHED, free=TUNED, **options):
    return Space(published, free, **{"sequences": 64_000, **options})


def bowl(best: Candidate, coupling: float = 0.0) -> Surface:
    """Bits that rise with every doubling away from the best; batch and rate may be coupled."""

    def bits(one: Candidate) -> float:
        batch = math.log2(one.batch_size / best.batch_size)
        rate = math.log2(one.learning_rate / best.learning_rate) - coupling * batch
        warmup = math.log10(one.warmup_steps / best.warmup_steps)
        window = math.log2(one.ema_growth / best.ema_growth)
        cost = 0.02 * rate**2 + 0.01 * batch**2 + 0.01 * warmup**2 + 0.005 * window**2
        return 1e6 * (1.0 + cost)

    return bits


def run(where: Space, surface: Surface) -> tuple[Chosen, Fraction]:
    """Search a surface that every share shows alike; the outcome, and its cost in whole runs."""
    going, longest = search(where), {}
    asked = next(going)
    while True:
        for trial in asked:
            longest[trial.candidate] = max(
                longest.get(trial.candidate, 0), trial.share * trial.seeds
            )
        found = {trial: surface(trial.candidate) for trial in asked}
        try:
            asked = going.send(found)
        except StopIteration as end:
            return end.value, sum(longest.values(), Fraction(0))


def whole(candidate: Candidate) -> Trial:
    return Trial(candidate, Fraction(1))
