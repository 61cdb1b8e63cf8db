"""The held-out loss that ends an area and codes the data, corrected by the training streams.

The held-out set is common to all members of a source, so its error is too, and it is the largest
one: 0.001 nats per token over 2.5e8 tokens are 3.6e5 bits. Every batch is scored before it is
learnt, so the training streams are fresh samples of the same population; what they say about the
held-out set's level is taken as a control variate (docs/frontier.md).

Axis letters: R record point, I interval of a stream, Q error factor. Losses are nats per label
token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from epiplexity_jax import coding
from epiplexity_jax.analysis.runs import errors
from epiplexity_jax.analysis.runs.curve import Curve
from epiplexity_jax.analysis.runs.errors import Factors
from epiplexity_jax.analysis.runs.heldout import HeldoutLosses
from epiplexity_jax.analysis.shapes import Values
from epiplexity_jax.coding import StreamLevel

_LEAST_MOVED = 0.1  # of the set's error, which the losses that are compared with a stream must have


@dataclass(frozen=True, eq=False)
class Correction:
    """A source's correction of its held-out losses, in units of a run's own standard error.

    What a held-out set has over the population grows with the loss of the model that reads it, as
    its standard error does: a run that has learnt nearly all of its source is hardly moved.

    Attributes:
        standard: standard errors of the full held-out set to add to every held-out loss.
        factors: its errors, [Q, 1] by name.
    """

    standard: float = 0.0
    factors: Factors = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Floor:
    """Held-out losses of one set of weights as every record point's own floor.

    Attributes:
        losses: [R] at the level of the corrected full set.
        factors: their errors, [Q, R] by name.
    """

    losses: Values
    factors: Factors


def floor_of(heldout: HeldoutLosses, correction: Correction | None = None) -> Floor:
    """Held-out losses of a run with their errors.

    What the held-out set has over the population moves a record point's loss as far as it goes
    with the final one: that of an untrained model, for which all sequences cost the same, not at
    all.

    Args:
        heldout: held-out losses of one set of weights.
        correction: the source's correction; None leaves the held-out set's level as it is.
    """
    correction = correction or Correction()
    moved, unit = heldout.slopes, float(heldout.stderr_nats[-1])
    factors = errors.add(
        (heldout.whole_set(), moved),
        (correction.factors, unit * moved),
        (heldout.subset_errors(), 1.0),
    )
    return Floor(floor_losses(heldout, correction), factors)


def floor_losses(heldout: HeldoutLosses, correction: Correction | None) -> Values:
    """The losses of `floor_of` alone, [R]."""
    unit = float(heldout.stderr_nats[-1])
    standard = 0.0 if correction is None else correction.standard
    return heldout.adjusted() + unit * standard * heldout.slopes


def correction_of(curves: Sequence[Curve]) -> Correction:
    """The error of a source's held-out set by its training streams, weighted by precision.

    Every run gives the difference between its online and its held-out losses under the same raw
    weights, in units of as much of the held-out set's standard error as those have. Their mean,
    weighted by precision, estimates the error of the held-out set; it is taken with the weight that
    makes the variance of the corrected losses least, so that the result is no worse than the plain
    set.

    Args:
        curves: runs of one source and one held-out set.
    """
    found = [one for one in map(_standardised, curves) if one is not None]
    if not found:
        return Correction()
    precision = np.array([1.0 / max(one.variance, 1e-30) for one in found])
    standard, misfit = 0.0, 0.0
    noise: list[tuple[Factors, float]] = []
    sets: list[tuple[Factors, float]] = []
    for one, share in zip(found, precision / precision.sum(), strict=True):
        standard += share * one.difference
        misfit += share**2 * one.misfit_var
        noise.append((one.noise, share))
        sets.append((one.heldout, share))
    total = errors.add(*noise, ({"misfit": np.array([[np.sqrt(misfit)]])}, 1.0))
    held, like = errors.add(*sets), np.zeros(1)
    known, spread = errors.variance(held, like)[0], errors.variance(total, like)[0]
    if known + spread == 0.0:
        return Correction()
    weight = known / (known + spread)
    return Correction(weight * standard, errors.add((total, weight), (held, -weight)))


class _Standardised(NamedTuple):
    """A run's online less its held-out loss, in standard errors of its full held-out set.

    Attributes:
        difference: the difference.
        variance: its variance for a given held-out set.
        misfit_var: the part of it that no factor has.
        noise: factors of its errors for a given held-out set.
        heldout: factors of the held-out set's own errors.
    """

    difference: float
    variance: float
    misfit_var: float
    noise: Factors
    heldout: Factors


def _standardised(curve: Curve) -> _Standardised | None:
    """Compare a run with its held-out set; None where both are no samples of the same."""
    run = _learner(curve)
    if (level := _level(run)) is None:
        return None
    assert run.raw is not None  # it has a level
    # What the set errs by under the final weights, as far as it moves the losses that are compared.
    stderr = float(run.raw.stderr_nats[-1])
    unit = stderr * float(level.points @ run.raw.slopes)
    if stderr <= 0.0 or unit < _LEAST_MOVED * stderr:
        return None  # every sequence costs the same, or cost the same when they were compared
    stream = stream_factors(run, level.weights[:, None])
    subsets = run.raw.subset_errors()
    of_points = {name: rows @ level.points[:, None] for name, rows in subsets.items()}
    return _Standardised(
        level.nats / unit,
        level.variance / unit**2,
        level.misfit_var / unit**2,
        errors.add((stream, 1.0 / unit), (of_points, -1.0 / unit)),
        errors.add((run.raw.whole_set(), 1.0 / stderr)),
    )


def stream_factors(curve: Curve, per_interval: np.ndarray) -> dict[str, np.ndarray]:
    """Errors of a run's online losses, by interval of the stream that all runs of its seed read.

    Args:
        curve: a run with online losses.
        per_interval: [I, R or 1] the weight that an interval's sum has in each result.
    """
    assert curve.online is not None
    spread = np.sqrt(np.maximum(np.diff(curve.online.sum_var), 0.0))
    return {f"stream {curve.seed} {curve.batch_size}": spread[:, None] * per_interval}


def _learner(curve: Curve) -> Curve:
    """The run that learns from real data: a student's teacher."""
    return curve.teacher or curve


def _level(run: Curve) -> StreamLevel | None:
    """Compare a run's stream with its held-out set, where both sample the same."""
    if not run.fresh or run.online is None or run.raw is None or run.raw.blocks_nats is None:
        return None
    return coding.stream_level(
        run.steps,
        run.online.sum_nats,
        run.online.sum_var,
        run.raw.adjusted(),
        np.concatenate(list(run.raw.subset_errors().values())),
        run.label_tokens,
    )
