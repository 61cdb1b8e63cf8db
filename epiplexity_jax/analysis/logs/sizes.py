"""A frontier of several recorded curves, of models of different sizes on the same data.

Axis letters: P row of a curve, R record point.
"""

import math
from collections.abc import Sequence

import numpy as np

from epiplexity_jax.analysis.frontier.frontier import Frontier, trace
from epiplexity_jax.analysis.logs.floor import CurveFloor
from epiplexity_jax.analysis.logs.loss_curve import LossCurve
from epiplexity_jax.analysis.runs.curve import Curve, Online, StepCost
from epiplexity_jax.analysis.runs.heldout import HeldoutLosses
from epiplexity_jax.analysis.shapes import Indices, Steps, Values
from epiplexity_jax.base.errors import ConfigError

_POINTS = 200  # record points of a curve, at most


def frontier_of(
    curves: Sequence[LossCurve],
    floors: Sequence[CurveFloor],
    params: Sequence[int],
    test_tokens: float,
    *,
    vocab_size: int | None = None,
    bytes_per_token: float | None = None,
) -> Frontier:
    """The frontier of curves of models of different sizes on the same data.

    A row of a curve is a record point. Its loss is that of an evaluation, or else the mean of the
    last tenth of the training losses so far, moved so that the last one is the curve's floor.

    Args:
        curves: the models' curves.
        floors: loss of each curve at its end.
        params: N, parameters of each model.
        test_tokens: label tokens of the dataset whose information is measured.
        vocab_size: V; default: that whose uniform code has the largest first loss.
        bytes_per_token: bytes of original data per label token.

    Raises:
        ConfigError: when there are not as many of each, or an argument is not allowed.
    """
    if not len(curves) == len(params) == len(floors):
        raise ConfigError(
            f"--params: expected one for each file, got {len(params)} for {len(curves)} files"
        )
    said = []
    if not all(one.evaluated for one in curves):
        said.append(
            "within a curve the model's loss is taken for the mean of the last tenth of its "
            "training losses so far, moved so that the last one is the floor"
        )
    if vocab_size is None:
        said.append(
            "without --vocab-size the untrained model and the uniform code have the largest first "
            "loss of the curves"
        )
        vocab_size = math.ceil(math.exp(max(float(one.losses_nats[0]) for one in curves)))
    names = _names(curves)
    made = [
        _curve(*one, max(vocab_size, 2), bytes_per_token)
        for one in zip(names, curves, floors, params, strict=True)
    ]
    found = trace(made, test_tokens=test_tokens, variant="online", floor="ema")
    return Frontier(found.setting, found.all_members, (*found.warnings, *said))


def _names(curves: Sequence[LossCurve]) -> list[str]:
    """Names of the curves, with a number behind those that several have."""
    names = [one.name for one in curves]
    return [
        name if names.count(name) == 1 else f"{name} {names[: i + 1].count(name)}"
        for i, name in enumerate(names)
    ]


def _curve(
    name: str,
    curve: LossCurve,
    floor: CurveFloor,
    params: int,
    vocab_size: int,
    bytes_per_token: float | None,
) -> Curve:
    """A run whose record points are rows of a curve."""
    rows = _rows(curve)
    tokens = curve.label_tokens[rows]
    unit = int(np.gcd.reduce(tokens.astype(np.int64)))
    ratio = curve.tokens_per_label
    trained = round(unit * ratio)
    train = 6.0 * params * unit * ratio / trained  # so that the time is exact
    cost = StepCost(unit, trained, ratio, train, 2.0 * params)
    losses = _losses(curve, floor, rows)
    error = np.full(rows.size, floor.level.stderr or 0.0)
    steps: Steps = np.append(0, np.rint(tokens / unit)).astype(np.int64)
    return Curve(
        source="curves",
        size=name,
        params=params,
        vocab_size=vocab_size,
        steps=steps,
        cost=cost,
        ema=HeldoutLosses(np.append(math.log(vocab_size), losses), np.append(0.0, error)),
        online=Online(np.append(0.0, curve.online_sums_nats[rows])),
        variant="online",
        variants=("online",),
        bytes_per_token=bytes_per_token,
    )


def _rows(curve: LossCurve) -> Indices:
    """Rows at about even distances in log tokens, the first and last among them."""
    rows = np.flatnonzero(curve.label_tokens > 0)
    if rows.size <= _POINTS:
        return rows
    at = np.log(curve.label_tokens[rows])
    wanted = np.linspace(at[0], at[-1], _POINTS)
    return rows[np.unique(np.clip(np.searchsorted(at, wanted), 0, rows.size - 1))]


def _losses(curve: LossCurve, floor: CurveFloor, rows: Indices) -> Values:
    """Loss of the model at each row, nats per label token, the last one that of the floor."""
    if curve.evaluated:
        losses = curve.losses_nats[rows].copy()
        losses[-1] = floor.nats
        return losses
    sums = np.concatenate([[0.0], np.cumsum(curve.losses_nats)])
    first = np.minimum(rows - (rows + 1) // 10 + 1, rows)
    means = (sums[rows + 1] - sums[first]) / (rows + 1 - first)
    return np.maximum(means + (floor.nats - means[-1]), 0.0)
