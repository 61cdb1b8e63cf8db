"""Fit a scaling law to losses: Huber's loss of log L, summed, from many starts.

The objective is that of Hoffmann et al. 2022, App. D.2 with delta 1e-3: the sum over points of
Huber(log L - LSE(a - alpha log N, b - beta log D, e)). It is minimised in units of delta squared
and with its gradient, since a mean of 1e-6 meets an optimiser's tolerance before it moves
(Besiroglu et al. 2024). Axis letters: P point; parameters are in the order a, b, e, alpha, beta.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.optimize import OptimizeResult, minimize

from epiplexity_jax.analysis.laws.points import DELTA, LossPoints, NotIdentified, check_identified
from epiplexity_jax.analysis.scaling_law import ScalingLaw
from epiplexity_jax.analysis.shapes import Values

Parameters = Float64[np.ndarray, "5"]
Terms = Float64[np.ndarray, "3 points"]
Hessian = Float64[np.ndarray, "5 5"]

_EXPONENTS = (0.15, 0.4, 0.9)
_SHARES = (
    (0.2, 0.4, 0.4),
    (0.6, 0.2, 0.2),
    (0.6, 0.35, 0.05),
    (0.6, 0.05, 0.35),
    (0.9, 0.05, 0.05),
)
_TRIED, _KEPT = 40, 8  # iterations of every start, and the starts that go on to the end
_NO_FLOOR = 1e-3  # share of the least loss below which E is as good as 0
_LARGEST_LOG = 200.0  # of N0 and D0
_LEAST_EXPONENT, _MOST_EXPONENT = 1e-3, 3.0
_TOLERANCE, _QUICK = 1e-7, 1e-3  # of the gradient in units of delta^2: a fit's, and a refit's


@dataclass(frozen=True, eq=False)
class LawFit:
    """A law fitted to points.

    Attributes:
        theta: a, b, e, alpha, beta.
        objective: sum of Huber's losses of log L with delta 1e-3.
        hessian_inverse: the optimiser's, in its own coordinates, from which a next fit starts.
        points: what it was fitted to.
        reached: starts that ended at the least objective within 1e-6 of it; starts: their number.
    """

    theta: Parameters
    objective: float
    hessian_inverse: Hessian
    points: LossPoints
    reached: int
    starts: int

    @property
    def law(self) -> ScalingLaw:
        """The law; see `closest_law` for parameters without one."""
        return closest_law(self.theta)

    @property
    def residuals(self) -> Values:
        """[P] log of the loss over the law's."""
        law_loss = self.law.loss(self.points.params, self.points.train_tokens)
        return np.log(self.points.loss_nats / law_loss)

    @property
    def note(self) -> str | None:
        """A sentence where the losses leave E open; None where they do not."""
        if self.law.irreducible_nats > _NO_FLOOR * float(self.points.loss_nats.min()):
            return None
        return (
            "E ran to 0: the losses are too far above their floor to show it, so the law holds "
            "near them and says little beyond; train larger models for longer"
        )

    def refit(self, points: LossPoints) -> "LawFit":
        """Fit other points of the same kind, from this fit."""
        problem = _Problem(points)
        return _result(problem, [problem.inwards(self.theta)], self.hessian_inverse)


def fit(
    points: LossPoints, starts: Sequence[Parameters] | None = None, what: str = "fit"
) -> LawFit:
    """Fit a law.

    Args:
        points: the losses.
        starts: parameters to start from; None starts from a grid.
        what: the option or key that names the points, for messages.

    Raises:
        NotIdentified: when the points do not identify a law.
    """
    check_identified(points, what)
    problem = _Problem(points)
    begun = problem.grid() if starts is None else [problem.inwards(one) for one in starts]
    found = _result(problem, begun)
    alpha, beta = found.theta[3:].tolist()
    out = not _LEAST_EXPONENT <= min(alpha, beta) <= max(alpha, beta) <= _MOST_EXPONENT
    if out or max(map(abs, _logs(found.theta))) > _LARGEST_LOG:
        raise NotIdentified(
            f"{what}: the losses do not identify a law: its exponents are {alpha:.2g} of "
            f"parameters and {beta:.2g} of tokens; train over a wider range of both"
        )
    return found


def _result(
    problem: "_Problem", starts: Sequence[Parameters], hessian_inverse: Hessian | None = None
) -> LawFit:
    if len(starts) > _KEPT:
        tried = [problem.minimise(start, _TRIED) for start in starts]
        starts = [one.x for one in sorted(tried, key=lambda one: one.fun)[:_KEPT]]
    ended = [problem.minimise(start, 2000, hessian_inverse) for start in starts]
    best = min(ended, key=lambda one: one.fun)
    least = float(best.fun)
    reached = sum(bool(one.fun <= least * (1.0 + 1e-6) + 1e-12) for one in ended)
    theta = problem.outwards(best.x)
    return LawFit(
        theta=theta,
        objective=least * DELTA**2,
        hessian_inverse=np.asarray(best.hess_inv, dtype=np.float64),
        points=problem.points,
        reached=reached,
        starts=len(ended),
    )


def closest_law(theta: Parameters) -> ScalingLaw:
    """The law with parameters a, b, e, alpha, beta; or the closest one where they make up none.

    A fit to redrawn points may run away, to exponents of 0 or an N0 beyond all numbers.
    """
    log_n0, log_d0 = np.clip(_logs(theta), -_LARGEST_LOG, _LARGEST_LOG).tolist()
    alpha, beta = np.clip(theta[3:], _LEAST_EXPONENT, _MOST_EXPONENT).tolist()
    return ScalingLaw(alpha, beta, math.exp(log_n0), math.exp(log_d0), float(np.exp(theta[2])))


def _logs(theta: Parameters) -> tuple[float, float]:
    """Logarithms of N0 and D0."""
    a, b, _, alpha, beta = theta.tolist()
    return a / max(alpha, _LEAST_EXPONENT), b / max(beta, _LEAST_EXPONENT)


class _Problem:
    """The objective over parameters in which a and b are those at the mean of log N and log D."""

    def __init__(self, points: LossPoints) -> None:
        self.points = points
        self.log_n, self.log_d = np.log(points.params), np.log(points.train_tokens)
        self.middle_n, self.middle_d = float(self.log_n.mean()), float(self.log_d.mean())
        self.log_n -= self.middle_n
        self.log_d -= self.middle_d
        self.log_loss, self.scale = np.log(points.loss_nats), points.scale
        # Huber's delta is that of a point without an error; points with one count for less.
        self.weight = 1.0 / self.scale

    def inwards(self, theta: Parameters) -> Parameters:
        """Turn parameters into those of the centred problem."""
        moved = theta.astype(np.float64).copy()
        moved[0] -= theta[3] * self.middle_n
        moved[1] -= theta[4] * self.middle_d
        return moved

    def outwards(self, centred: Parameters) -> Parameters:
        """The inverse of `inwards`."""
        moved = centred.copy()
        moved[0] += centred[3] * self.middle_n
        moved[1] += centred[4] * self.middle_d
        return moved

    def grid(self) -> list[Parameters]:
        """Starts: exponents, and shares of E, size and data in the loss of a middle point."""
        middle = float(np.median(self.log_loss))
        return [
            np.array([middle + math.log(a), middle + math.log(b), middle + math.log(e), *exponents])
            for exponents in itertools.product(_EXPONENTS, repeat=2)
            for e, a, b in _SHARES
        ]

    def minimise(
        self, start: Parameters, iterations: int, hessian_inverse: Hessian | None = None
    ) -> OptimizeResult:
        """Minimise from one start; quickly where the curvature is known from a fit."""
        options = {"maxiter": iterations, "gtol": _TOLERANCE}
        if hessian_inverse is not None:
            symmetric = (hessian_inverse + hessian_inverse.T) / 2.0  # but for rounding
            options |= {"gtol": _QUICK, "hess_inv0": symmetric}
        return minimize(self, start, jac=True, method="BFGS", options=options)

    def __call__(self, theta: Parameters) -> tuple[float, Parameters]:
        """Objective in units of delta^2, and its gradient."""
        a, b, e, alpha, beta = theta
        terms: Terms = np.stack(
            [a - alpha * self.log_n, b - beta * self.log_d, np.full(self.log_n.size, e)]
        )
        top = terms.max(axis=0)
        predicted = top + np.log(np.exp(terms - top).sum(axis=0))
        z = (self.log_loss - predicted) * self.weight
        far = np.abs(z) > 1.0
        value = float(np.sum(np.where(far, np.abs(z) - 0.5, 0.5 * z * z)))
        pull = -np.clip(z, -1.0, 1.0) * self.weight  # by the prediction
        share = np.exp(terms - predicted) * pull
        gradient = np.array([*share.sum(axis=1), -share[0] @ self.log_n, -share[1] @ self.log_d])
        return value, gradient
