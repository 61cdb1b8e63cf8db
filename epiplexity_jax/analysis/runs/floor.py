"""The held-out loss that ends an area and codes the data, corrected by the training streams.

The held-out set is common to all members of a source, so its error is too, and it is the largest
one: 0.001 nats per token over 2.5e8 tokens are 3.6e5 bits. Every batch is scored before it is
learnt, so the training streams are fresh samples of the same population; what they say about the
held-out set's level is taken as a control variate (docs/frontier.md).

Axis letters: R record point, B held-out block, I interval of a stream, Q error factor. Losses are
nats per label token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from epiplexity_jax import coding
from epiplexity_jax.analysis.runs import errors
from epiplexity_jax.analysis.runs.curve import Curve, HeldoutLosses
from epiplexity_jax.analysis.runs.errors import Factors
from epiplexity_jax.analysis.shapes import Values
from epiplexity_jax.coding import StreamLevel


@dataclass(frozen=True, eq=False)
class Correction:
    """A source's correction of its held-out losses.

    Attributes:
        nats: number to add to every held-out loss.
        factors: its errors, [Q, 1] by name.
    """

    nats: float = 0.0
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

    Args:
        heldout: held-out losses of one set of weights.
        correction: the source's correction; None leaves the held-out set's level as it is.
    """
    correction = correction or Correction()
    losses, blocks = heldout.adjusted(), heldout.blocks_nats
    points = np.ones_like(losses)
    factors = errors.add((full_set(heldout), points), (correction.factors, points))
    if blocks is not None:
        against_last = {f"record {blocks.shape[1]}": errors.of_blocks((blocks - blocks[-1]).T)}
        factors = errors.add((factors, 1.0), (against_last, 1.0))
    return Floor(losses + correction.nats, factors)


def full_set(heldout: HeldoutLosses) -> dict[str, np.ndarray]:
    """Errors [Q, 1] of the full held-out set, by block: its record subset's, and the rest's.

    The blocks of the subset stand for those of the whole, whose standard error is known; the part
    of the whole that is the subset errs with it.
    """
    stderr, blocks = float(heldout.stderr_nats[-1]), heldout.blocks_nats
    if blocks is None:
        return {"heldout": np.array([[stderr]])}
    own = errors.of_blocks(blocks[-1:].T)
    scale = stderr / size if (size := float(np.sqrt(np.sum(own**2)))) > 0.0 else 0.0
    share = min(scale, 1.0)  # sqrt of the subset's part of the tokens: errors fall as 1 / sqrt
    name, whole = f"record {blocks.shape[1]}", own * scale
    return {name: share * whole, f"rest {blocks.shape[1]}": np.sqrt(1.0 - share**2) * whole}


def correction_of(curves: Sequence[Curve]) -> Correction:
    """The error of a source's held-out set by its training streams, weighted by precision.

    Every run gives the difference between its online and its held-out losses under the same raw
    weights. Their mean, weighted by precision, estimates the error of the held-out set; it is taken
    with the weight that makes the variance of the corrected losses least, so that the result is no
    worse than the plain set.

    Args:
        curves: runs of one source and one held-out set.
    """
    found = [(run, level) for run in map(_learner, curves) if (level := _level(run)) is not None]
    if not found:
        return Correction()
    precision = np.array([1.0 / max(level.variance, 1e-30) for _, level in found])
    nats, misfit = 0.0, 0.0
    noise: list[tuple[Factors, float]] = []
    sets: list[tuple[Factors, float]] = []
    for (run, level), share in zip(found, precision / precision.sum(), strict=True):
        assert run.raw is not None
        assert run.raw.blocks_nats is not None
        # From the record subset, which the record points score, to the full set.
        full = run.raw.loss_nats[-1] - run.raw.blocks_nats[-1].mean()
        nats += share * (level.nats - full)
        misfit += share**2 * level.misfit_var
        blocks = {f"record {len(level.blocks)}": errors.of_blocks(level.blocks[:, None])}
        noise += [(stream_factors(run, level.weights[:, None]), share), (blocks, -share)]
        sets.append((full_set(run.raw), share))
    total = errors.add(*noise, ({"misfit": np.array([[np.sqrt(misfit)]])}, 1.0))
    held, like = errors.add(*sets), np.zeros(1)
    known, spread = errors.variance(held, like)[0], errors.variance(total, like)[0]
    if known + spread == 0.0:
        return Correction()
    weight = known / (known + spread)
    return Correction(weight * nats, errors.add((total, weight), (held, -weight)))


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
        run.raw.blocks_nats.T,
        run.cost.label_tokens_per_step,
        run.labels,
    )
