"""A frontier by a loss law: L(N, D) fitted to the members' own curves, and its optimum at a budget.

Axis letters: P candidate of all members, F size that is tried.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from scipy.optimize import minimize_scalar

from epiplexity_jax.analysis.frontier.fitted_members import (
    LEAST_LOSS,
    Cost,
    choose_losses,
    places_of,
    points_of,
)
from epiplexity_jax.analysis.frontier.members import Member
from epiplexity_jax.analysis.frontier.traced import ROUNDING, Answer, Keep, Traced
from epiplexity_jax.analysis.laws.examine import HeldOut, held_out
from epiplexity_jax.analysis.laws.fit import LawFit, closest_law, fit
from epiplexity_jax.analysis.laws.points import LossPoints
from epiplexity_jax.analysis.scaling_law import CappedLaw
from epiplexity_jax.analysis.shapes import Values
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.units import nats_to_bits

NAME = "law"
_SPAN, _SIZES = 7.0, 561  # sizes that are tried: how far beyond the members in log N, and how many


@dataclass(frozen=True)
class Best:
    """The law's best model at a budget; lengths in bits."""

    params: float
    train_tokens: float
    model_bits: float
    data_bits: float

    @property
    def mdl_bits(self) -> float:
        """The two-part code."""
        return self.model_bits + self.data_bits


@dataclass(frozen=True)
class Area:
    """A member's area at its end, measured and by the law; lengths in bits.

    Attributes:
        member: its name; params: N; train_tokens: D.
        measured_bits: its model length; closed_form_bits: beta/(1 - beta) D0^beta D^(1 - beta) of
            the law, NaN for beta of 1 or more.
        loss_residual: final loss over the law's, less 1.
    """

    member: str
    params: int
    train_tokens: float
    measured_bits: float
    closed_form_bits: float
    loss_residual: float

    @property
    def transient_bits(self) -> float:
        """The measured area less the law's: above 0 where the beginning is steeper or longer."""
        return self.measured_bits - self.closed_form_bits


class Fitted(Traced):
    """A law fitted to the losses of members, which answers at every budget.

    It has no points of its own: `points` are the members' record points and `vertices` their lower
    hull, from which it takes the standard errors of its lengths.

    Args:
        members: members of one source.
        keep: rule of the hull.

    Attributes:
        fit: the law and what it was fitted to.

    Raises:
        ConfigError: when the model lengths are no areas, or the losses do not identify a law.
    """

    extrapolates = True

    def __init__(self, members: Sequence[Member], keep: Keep) -> None:
        """Fit the members' losses."""
        super().__init__(members, keep)
        if not all(member.is_area for member in members):
            raise ConfigError(
                "frontier: a fitted law gives the area above the final loss, and these model "
                "lengths are something else; take refined, or floor ema or raw of prequential runs"
            )
        self._used = choose_losses(self.members)
        self._at = places_of(self.members, self._used, self.order)
        points = points_of(self.members, self._used)
        self.fit: LawFit = fit(points, what="frontier: fitted")
        self._set(self.fit)

    def _set(self, fitted: LawFit) -> None:
        """Take a law with the cap, the costs and the sizes that it needs."""
        self.fit = fitted
        used = [self.members[i] for i, _ in self._used]
        self._gain, self._labels = used[0].data_gain, used[0].tokens_per_label
        begun = float(np.mean([one.data_bits[0] for one in used])) / self._gain
        law = closest_law(fitted.theta)
        self.law = CappedLaw(**vars(law), vocab_size=math.exp(begun))
        self._cost = Cost.of(used)
        sizes = np.log([one.params for one in used])
        self._sizes = np.linspace(sizes.min() - _SPAN, sizes.max() + _SPAN, _SIZES)

    def with_lengths(self, model_bits: Values, data_bits: Values) -> "Fitted":
        """Fit the same candidates with other lengths [P], in order of time."""
        other = cast(Fitted, super().with_lengths(model_bits, data_bits))
        losses = np.maximum(data_bits[self._at] / self._gain, LEAST_LOSS)
        other._set(self.fit.refit(replace(self.fit.points, loss_nats=losses)))
        return other

    def resampled(self, generator: np.random.Generator) -> LossPoints:
        """The fitted losses of members whose seeds are drawn with replacement."""
        losses = []
        for i, rows in self._used:
            member = self.members[i]
            drawn = generator.integers(member.seeds, size=member.seeds)
            losses.append(member.losses[drawn].mean(axis=0)[rows])
        return replace(self.fit.points, loss_nats=np.maximum(np.concatenate(losses), LEAST_LOSS))

    @property
    def several_seeds(self) -> bool:
        """True where some member has two seeds, so that there is something to draw."""
        return any(self.members[i].seeds > 1 for i, _ in self._used)

    def areas(self) -> list[Area]:
        """Measured areas of the fitted members at their ends, and those of the law."""
        found = []
        for i, _ in self._used:
            member = self.members[i]
            tokens = float(member.train_tokens[-1])
            loss = float(self.fit.law.loss(member.params, tokens))
            found.append(
                Area(
                    member=member.name,
                    params=member.params,
                    train_tokens=tokens,
                    measured_bits=float(member.model_bits[-1]),
                    closed_form_bits=self._closed_form(tokens),
                    loss_residual=float(member.data_bits[-1] / member.data_gain) / loss - 1.0,
                )
            )
        return found

    def _closed_form(self, train_tokens: float) -> float:
        """|P_preq| of the law without its cap after D tokens, bits; NaN for beta of 1 or more."""
        if self.fit.law.beta >= 1.0:
            return math.nan
        return float(self.fit.law.model_bits(train_tokens)) / self._labels

    def to_json(self) -> dict[str, Any]:
        """Plain values of the law, its residuals and its areas."""
        left = self.fit.residuals
        areas = [vars(one) | {"transient_bits": one.transient_bits} for one in self.areas()]
        return {
            "law": vars(self.fit.law),
            "untrained_nats": self.law.cap_nats,
            "points": left.size,
            "residual_rms": math.sqrt(float(np.mean(left**2))),
            "residual_largest": float(np.abs(left).max()),
            "held_out": self.held_out and vars(self.held_out),
            "areas": areas,
        }

    @cached_property
    def held_out(self) -> HeldOut | None:
        """Losses of the largest budgets predicted from the others; None if these are too few."""
        return held_out(self.fit)

    @cached_property
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Sentences on the fit."""
        return tuple(_notes(self))

    def best(self, compute: float) -> Best | None:
        """The law's best model at a budget; None where no size is evaluated within it.

        Args:
            compute: T, FLOPs.
        """
        center = self._nearest_size(compute)
        if center is None:
            return None
        step = self._sizes[1] - self._sizes[0]
        found: Any = minimize_scalar(
            lambda x: float(self._mdl(np.array([x]), compute)[0]),
            bounds=(center - step, center + step),
            method="bounded",
            options={"xatol": 1e-9},
        )
        return self._model(float(found.x), compute)

    def lengths(self, log_compute: float, strict: bool = False) -> tuple[float, float]:
        """Model and data length of the law's optimum; those of the untrained model below it."""
        compute = math.exp(log_compute)
        center = self._nearest_size(compute)
        if center is None:
            return 0.0, self.law.cap_nats * self._gain
        best = self._model(center, compute)
        return best.model_bits, best.data_bits

    def at(self, compute: float, strict: bool = False) -> Answer | None:
        """The law's optimum at a budget; None below the cheapest member.

        Args:
            compute: T, FLOPs.
            strict: of no effect, as the law spends the whole of each budget.
        """
        measured, best = super().at(compute), self.best(compute)
        if measured is None or best is None:
            return None
        return Answer(
            model_bits=best.model_bits,
            data_bits=best.data_bits,
            mdl_bits=best.mdl_bits,
            model_stderr=measured.model_stderr,
            mdl_stderr=measured.mdl_stderr,
            interpolation_error_bits=0.0,
            certified_bits=math.nan,
            member=NAME,
            params=round(best.params),
            train_tokens=best.train_tokens,
            switch_step=None,
            neighbours=(NAME,),
            untrained=best.data_bits >= self._gain * self.law.cap_nats * (1.0 - ROUNDING),
            ends_run=False,
            bridged=False,
            beyond=tuple(self._beyond(compute, best)),
        )

    def beats(self, uniform_bits: float, compute: float, strict: bool = False) -> bool:
        """Return whether the law's optimum is shorter than the uniform code by more than its error.

        Args:
            uniform_bits: length of the uniform code.
            compute: T, FLOPs.
            strict: of no effect.
        """
        found = self.at(compute)
        if found is None or found.untrained:
            return False
        code = found.mdl_bits + self.errors * found.mdl_stderr
        return bool(code < uniform_bits * (1.0 - ROUNDING))

    def _mdl(self, log_params: Values, compute: float) -> Values:
        """[F] bits; infinite where a budget leaves nothing to train with."""
        tokens = self._cost.tokens(log_params, compute)
        found = np.full(log_params.size, np.inf)
        paid = tokens > 0.0
        size, read = np.exp(log_params[paid]), tokens[paid]
        area = self.law.area(size, read) / self._labels
        found[paid] = nats_to_bits(area) + self._gain * self.law.loss(size, read)
        return found

    def _nearest_size(self, compute: float) -> float | None:
        """Log N of the least MDL of the grid of sizes, by a parabola through three."""
        codes = self._mdl(self._sizes, compute)
        k = int(np.argmin(codes))
        if not math.isfinite(codes[k]):
            return None
        if 0 < k < codes.size - 1 and math.isfinite(codes[k + 1]):
            below, middle, above = codes[k - 1 : k + 2].tolist()
            bend = below - 2.0 * middle + above
            shift = 0.5 * (below - above) / bend if bend > 0.0 else 0.0
            return float(self._sizes[k] + shift * (self._sizes[1] - self._sizes[0]))
        return float(self._sizes[k])

    def _model(self, log_params: float, compute: float) -> Best:
        tokens = float(self._cost.tokens(np.array([log_params]), compute)[0])
        params, read = math.exp(log_params), max(tokens, 1e-9)
        area = float(self.law.area(params, read)) / self._labels
        data = self._gain * float(self.law.loss(params, read))
        return Best(params, read, float(nats_to_bits(area)), data)

    def _beyond(self, compute: float, best: Best) -> Iterator[str]:
        """Flags of what lies beyond the points that the law was fitted to."""
        points = self.fit.points
        ranges = {"sizes": (points.params, best.params)}
        ranges["tokens"] = (points.train_tokens, best.train_tokens)
        for name, (measured, value) in ranges.items():
            if not measured.min() * (1 - 1e-9) <= value <= measured.max() * (1 + 1e-9):
                yield f"beyond_{name}"
        if compute > self.points.time_flops[-1]:
            yield "beyond_compute"


def _notes(traced: Fitted) -> Iterator[str]:
    """Yield how well the law holds: residuals, and areas against the measured ones."""
    left = traced.fit.residuals
    yield (
        f"a law was fitted to {left.size} losses of {len(traced._used)} sizes; they lie within "
        f"{float(np.abs(left).max()):.2%} of it, in the root mean square within "
        f"{math.sqrt(float(np.mean(left**2))):.2%}"
    )
    if traced.fit.note:
        yield traced.fit.note
    if held := traced.held_out:
        yield (
            f"a law fitted without the largest budgets, the {held.points} losses above "
            f"{held.above_flops:.2g} FLOPs of training, predicts these within "
            f"{abs(held.largest_error):.2%}, {abs(held.mean_error):.2%} too "
            f"{'low' if held.mean_error > 0 else 'high'} on average"
        )
    else:
        yield "without its largest budgets no law is identified, so none predicts them as a check"
    areas = [one for one in traced.areas() if one.measured_bits > 0.0]
    shares = [one.transient_bits / one.measured_bits for one in areas]
    if shares and all(math.isfinite(share) for share in shares):
        yield (
            f"the measured areas are {min(shares):+.1%} to {max(shares):+.1%} of themselves above "
            "the law's closed form: their beginning follows no power law, and S_T leaves it out"
        )
