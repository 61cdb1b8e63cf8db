"""Losses of trained models over parameters and tokens, and whether they identify a law.

Axis letters: P point.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from epiplexity_jax.analysis.shapes import Flags, Indices, Steps, Values
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import checks

LEAST_SIZES = 3
LEAST_RATIO = 10.0  # of the largest N and D to the smallest
MOST_CORRELATED = 0.98  # log N and log D
SAME_SIZE = 0.01  # relative difference of N below which two models are of one size
LAST_BUDGETS = 10**-0.5  # of the largest compute: the points above it are held out as a check,
LEAST_HELD = 0.05  # and at least this share of the points
DELTA = 1e-3  # Huber's, in log loss


class NotIdentified(ConfigError):
    """Losses that do not identify a scaling law."""


@dataclass(frozen=True, eq=False)
class LossPoints:
    """Losses that a law is fitted to.

    Attributes:
        params: [P] N; train_tokens: [P] D; loss_nats: [P].
        stderr_nats: [P] standard errors of the losses; zeros where they are not known.
        run: [P] number of the run that a point belongs to: what a bootstrap draws.
    """

    params: Values
    train_tokens: Values
    loss_nats: Values
    stderr_nats: Values
    run: Steps

    def __post_init__(self) -> None:
        """Refuse values without a logarithm."""
        for name in ("params", "train_tokens", "loss_nats"):
            values = getattr(self, name)
            wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
            if wrong.size:
                raise ConfigError(
                    f"{name}: must be positive, got {values[wrong[0]]:g} at point {wrong[0] + 1}"
                )

    @classmethod
    def of(
        cls,
        params: ArrayLike,
        train_tokens: ArrayLike,
        loss_nats: ArrayLike,
        stderr_nats: ArrayLike | None = None,
        run: ArrayLike | None = None,
    ) -> "LossPoints":
        """Make points of arrays [P]; by default without errors, each a run of its own.

        Args:
            params: N.
            train_tokens: D.
            loss_nats: losses.
            stderr_nats: their standard errors.
            run: numbers of their runs.

        Raises:
            ConfigError: when they are not as many of each, or no positive numbers.
        """
        n, d, loss = (
            checks.numbers(name, one)
            for name, one in (
                ("params", params),
                ("train_tokens", train_tokens),
                ("loss_nats", loss_nats),
            )
        )
        if not n.ndim == 1 or not n.shape == d.shape == loss.shape:
            raise ConfigError(
                f"params, train_tokens, loss_nats: expected as many of each, got shapes {n.shape}, "
                f"{d.shape} and {loss.shape}"
            )
        errors = np.zeros(n.size) if stderr_nats is None else np.asarray(stderr_nats, np.float64)
        runs = np.arange(n.size, dtype=np.int64) if run is None else np.asarray(run, np.int64)
        return cls(n, d, loss, errors, runs)

    def __len__(self) -> int:
        """Number of points."""
        return self.params.size

    @property
    def compute(self) -> Values:
        """[P] 6 N D, FLOPs."""
        return 6.0 * self.params * self.train_tokens

    @property
    def scale(self) -> Values:
        """[P] error of log L: the loss's own, and Huber's delta for what no law explains."""
        return np.hypot(self.stderr_nats / self.loss_nats, DELTA)

    @property
    def sizes(self) -> int:
        """Number of sizes; those that differ by less than a hundredth count as one."""
        logs = np.sort(np.log(self.params))
        return int(1 + np.sum(np.diff(logs) > SAME_SIZE)) if logs.size else 0

    @property
    def runs(self) -> int:
        """Number of runs."""
        return np.unique(self.run).size

    def at(self, which: Flags | Indices) -> "LossPoints":
        """Some of the points, by flags [P] or indices."""
        return replace(self, **{name: values[which] for name, values in vars(self).items()})

    def without_highest(self, count: int) -> "LossPoints":
        """The points without those of the highest losses.

        Raises:
            ConfigError: when none would be left.
        """
        if not 0 <= count < len(self):
            raise ConfigError(
                f"drop_highest: must be from 0 to {len(self) - 1} of {len(self)} points, "
                f"got {count}"
            )
        order = np.argsort(self.loss_nats, kind="stable")
        return self.at(np.sort(order[: len(self) - count]))

    def last_budgets(self) -> Flags:
        """[P] True for points of the last half decade of compute, at least a twentieth of all."""
        compute = self.compute
        least = np.quantile(compute, 1.0 - LEAST_HELD, method="lower")
        return compute > min(LAST_BUDGETS * float(compute.max()), float(least))

    def resampled(self, generator: np.random.Generator) -> "LossPoints":
        """Points of runs drawn with replacement, as many runs as there are."""
        groups = np.unique(self.run, return_inverse=True)[1]
        members = [np.flatnonzero(groups == group) for group in range(self.runs)]
        drawn = generator.integers(self.runs, size=self.runs)
        found = self.at(np.concatenate([members[i] for i in drawn]))
        lengths = [members[i].size for i in drawn]
        return replace(found, run=np.repeat(np.arange(self.runs, dtype=np.int64), lengths))


def check_identified(points: LossPoints, what: str = "fit") -> None:
    """Refuse points that do not identify E, N0, D0, alpha and beta.

    Args:
        points: the points.
        what: the option or key that names them, for the message.

    Raises:
        NotIdentified: naming what is missing and what would help.
    """
    for problem in _problems(points):
        raise NotIdentified(f"{what}: the losses do not identify a law: {problem}")


def is_identified(points: LossPoints) -> bool:
    """Return whether points identify a law."""
    return next(_problems(points), None) is None


def _problems(points: LossPoints) -> Iterator[str]:
    """Yield what is missing."""
    if points.sizes < LEAST_SIZES:
        yield f"{points.sizes} sizes of model, expected {LEAST_SIZES} or more; train other sizes"
    if len(points) < 6:
        yield f"{len(points)} points for five parameters, expected 6 or more"
    for name, values in (("parameters", points.params), ("tokens", points.train_tokens)):
        ratio = float(values.max() / values.min()) if len(points) else 1.0
        if ratio < LEAST_RATIO * (1.0 - 1e-9):
            yield (
                f"{name} span a factor of {ratio:.3g}, expected a decade or more; "
                f"train with fewer or more {name}"
            )
    correlated = abs(float(np.corrcoef(np.log(points.params), np.log(points.train_tokens))[0, 1]))
    if correlated > MOST_CORRELATED:
        yield (
            "tokens rise with parameters throughout (their logarithms' correlation is "
            f"{correlated:.4f}, expected at most {MOST_CORRELATED}), so that no size was trained "
            "for longer than its own; train one size for different numbers of tokens"
        )
