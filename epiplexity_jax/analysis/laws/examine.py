"""Tests of how far losses determine a law fitted to them: bootstrap, leave-out, held-out budgets.

Axis letters: K draw of the bootstrap.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from epiplexity_jax.analysis.laws.fit import LawFit, fit
from epiplexity_jax.analysis.laws.points import LossPoints, NotIdentified, is_identified
from epiplexity_jax.analysis.scaling_law import ScalingLaw

Sampler = Callable[[np.random.Generator], LossPoints]
Pair = tuple[float, float]

DRAWS = 200
LEVEL = 0.95
_SEED = 220315556
_TRIES = 5  # of a draw whose points do not identify a law
_HIGHEST = 0.02  # share of the highest losses whose weight is shown
PARAMETERS = ("a", "b", "irreducible_nats", "alpha", "beta")


@dataclass(frozen=True)
class Variation:
    """A fit to some of the points."""

    name: str
    points: int
    law: ScalingLaw


@dataclass(frozen=True)
class HeldOut:
    """Losses of the largest budgets, predicted by a law that was fitted to the others.

    Attributes:
        points: their number; kept: number of the others.
        above_flops: compute above which they lie, 6 N D.
        mean_error, largest_error: of the loss over the predicted one, relative.
    """

    points: int
    kept: int
    above_flops: float
    mean_error: float
    largest_error: float


@dataclass(frozen=True, eq=False)
class ExaminedFit:
    """A fitted law and how far its points determine it.

    Attributes:
        fit: the law and its points.
        dropped: points of the highest losses that were left out.
        laws: [K] laws of redrawn runs; empty where there is nothing to draw.
        variations: laws of other choices of points.
        held_out: error at the largest budgets; None where the others identify no law.
        notes: sentences for a person.
    """

    fit: LawFit
    dropped: int
    laws: tuple[ScalingLaw, ...]
    variations: tuple[Variation, ...]
    held_out: HeldOut | None
    notes: tuple[str, ...] = ()

    @property
    def law(self) -> ScalingLaw:
        """The law."""
        return self.fit.law

    @property
    def standard_errors(self) -> dict[str, float] | None:
        """Standard errors of A, B, E, alpha, beta and of the exponent of N; None without draws."""
        if not self.laws:
            return None
        return {name: float(np.std(self._drawn(name))) for name in (*PARAMETERS, "size_exponent")}

    @property
    def intervals(self) -> dict[str, Pair] | None:
        """Intervals of the same at 95 %; None without draws."""
        if not self.laws:
            return None
        return {name: interval(self._drawn(name)) for name in (*PARAMETERS, "size_exponent")}

    def _drawn(self, name: str) -> list[float]:
        return [_value(law, name) for law in self.laws]

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        points, left = self.fit.points, self.fit.residuals
        variations = [
            {"name": one.name, "points": one.points} | parameters(one.law)
            for one in self.variations
        ]
        return {
            "points": len(points),
            "runs": points.runs,
            "sizes": points.sizes,
            "dropped": self.dropped,
            "objective": self.fit.objective,
            "starts_at_the_optimum": [self.fit.reached, self.fit.starts],
            "residual_rms": math.sqrt(float(np.mean(left**2))),
            "residual_largest": float(np.abs(left).max()),
            "draws": len(self.laws),
            "standard_errors": self.standard_errors,
            "intervals": self.intervals and {k: list(v) for k, v in self.intervals.items()},
            "variations": variations,
            "held_out": self.held_out and vars(self.held_out),
            "notes": list(self.notes),
        }


def parameters(law: ScalingLaw) -> dict[str, float]:
    """Parameters of a law by name, with A, B and the exponent of the best N over compute."""
    names = ("alpha", "beta", "n0", "d0", "irreducible_nats", "a", "b", "size_exponent")
    return {name: _value(law, name) for name in names}


def _value(law: ScalingLaw, name: str) -> float:
    if name == "size_exponent":
        return law.beta / (law.alpha + law.beta)
    return float(getattr(law, name))


def interval(values: list[float]) -> Pair:
    """The middle 95 % of values."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
    return float(low), float(high)


def examine(
    points: LossPoints,
    *,
    drop_highest: int = 0,
    draws: int = DRAWS,
    resampled: Sampler | None = None,
    what: str = "fit",
) -> ExaminedFit:
    """Fit a law, and fit it again to redrawn runs and to parts of the points.

    Args:
        points: the losses.
        drop_highest: leave out so many points of the highest losses.
        draws: number of bootstrap draws over runs; 0 for none.
        resampled: draws points; None draws runs with replacement.
        what: the option or key that names the points, for messages.

    Raises:
        NotIdentified: when the points do not identify a law.
        ConfigError: when none would be left.
    """
    kept = points.without_highest(drop_highest)
    found = fit(kept, what=what)
    generator = np.random.Generator(np.random.Philox(_SEED))
    laws = _bootstrap(found, resampled or kept.resampled, draws, generator)
    notes = [found.note] if found.note else []
    if 0 < len(laws) < draws:
        notes.append(
            f"{draws - len(laws)} of {draws} draws of runs identify no law, and count for none"
        )
    others = _variations(points, kept, found)
    return ExaminedFit(
        found, drop_highest, tuple(laws), tuple(others), held_out(found), tuple(notes)
    )


def _bootstrap(
    found: LawFit, resampled: Sampler, draws: int, generator: np.random.Generator
) -> list[ScalingLaw]:
    laws = []
    for _ in range(draws):
        tried = (resampled(generator) for _ in range(_TRIES))
        drawn = next((points for points in tried if is_identified(points)), None)
        if drawn is not None:
            laws.append(found.refit(drawn).law)
    return laws


def _variations(points: LossPoints, kept: LossPoints, found: LawFit) -> list[Variation]:
    """Laws with the points that were dropped, without others, and without the largest budgets."""
    highest = max(1, round(_HIGHEST * len(kept)))
    chosen = {
        _without_highest(highest): kept.without_highest(highest),
        "without the largest budgets": kept.at(~kept.last_budgets()),
        "without the smallest size": kept.at(kept.params > kept.params.min() * 1.01),
        "without the largest size": kept.at(kept.params < kept.params.max() / 1.01),
    }
    if len(points) > len(kept):
        chosen = {f"with the {len(points) - len(kept)} dropped": points} | chosen
    return [
        Variation(name, len(some), law)
        for name, some in chosen.items()
        if (law := _law_of(some)) is not None
    ]


def _without_highest(count: int) -> str:
    return f"without the {count} highest losses" if count > 1 else "without the highest loss"


def _law_of(points: LossPoints) -> ScalingLaw | None:
    try:
        return fit(points).law
    except NotIdentified:
        return None


def held_out(found: LawFit) -> HeldOut | None:
    """The last half decade of compute by a law of the rest; None where that identifies no law."""
    points = found.points
    last = points.last_budgets()
    law = _law_of(points.at(~last))
    if law is None:
        return None
    held = points.at(last)
    errors = held.loss_nats / law.loss(held.params, held.train_tokens) - 1.0
    return HeldOut(
        points=len(held),
        kept=len(points) - len(held),
        above_flops=float(points.compute[~last].max()),
        mean_error=float(errors.mean()),
        largest_error=float(errors[np.argmax(np.abs(errors))]),
    )
