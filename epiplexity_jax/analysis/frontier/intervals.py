"""95 % intervals of a frontier: resampled seeds, held-out errors and left-out sizes.

Every replicate moves the members' mean curves by
deviations drawn from all seeds of all members, by one floor error common to all members and by
each member's own paired error, and traces the frontier again. Axis letters: K replicate, M
member, S seed, R record point, F point of a member's grid, Q factor.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64

from epiplexity_jax.analysis.frontier.members import Member, floor_draw_scale, resample
from epiplexity_jax.analysis.frontier.traced import Traced
from epiplexity_jax.analysis.shapes import AnyRows, Grid, OnGrid, Replicates, Steps, Values

Pair = tuple[float, float]
Found = tuple[Pair | None, Pair | None, Pair | None]
"""Intervals of S, H and MDL; None without replicates."""

REPLICATES = 200
LEVEL = 0.95
_SEED = 260103220
_SIGNAL = 4.0  # standard errors of its tokens' sampling from which on an area is its own


class Intervals:
    """Replicates of one frontier, and the intervals they give at a budget.

    Args:
        traced: the frontier, of M averaged members.
        trace: the procedure that traced it.
        uniform_bits: length of the uniform code.
        entropy_rate_nats: known floor of the loss, or None.
    """

    def __init__(
        self,
        traced: Traced,
        trace: Callable[[Sequence[Member]], Traced],
        uniform_bits: float,
        entropy_rate_nats: float | None = None,
    ) -> None:
        """Draw the replicates; no work when no member has two seeds."""
        self._uniform = uniform_bits
        self._traced: list[Traced] = []
        self._halves: list[tuple[float, Traced]] = []
        pool = _Pool(traced.members, entropy_rate_nats)
        if not pool.curves:
            return
        drawn = (lengths[:, traced.order] for lengths in _replicates(traced, pool))
        self._traced = [traced.with_lengths(*lengths) for lengths in zip(*drawn, strict=True)]
        self._halves = [(_reach(half), trace(half)) for half in _halves(traced.members)]

    def __bool__(self) -> bool:
        """Return whether there are replicates: some member has two seeds."""
        return bool(self._traced)

    def _at(self, traced: list[Traced], compute: float, strict: bool = False) -> list[Values]:
        """S, H and MDL of each frontier at a budget; the uniform code where it is the shorter."""
        x = math.log(compute)
        found = np.array([one.lengths(x, strict) for one in traced])
        model, data = found.reshape(-1, 2).T
        beaten = model + data >= self._uniform
        model, data = np.where(beaten, 0.0, model), np.where(beaten, self._uniform, data)
        return [model, data, model + data]

    def around(self, compute: float, model: float, data: float, strict: bool = False) -> Found:
        """Intervals of S, H and MDL around a trained model's estimate at a budget.

        Args:
            compute: T, FLOPs.
            model: its length, bits.
            data: the data's length, bits.
            strict: as for `Traced.at`.
        """
        if not self:
            return None, None, None
        drawn = self._at(self._traced, compute, strict)
        reaching = [traced for reach, traced in self._halves if compute >= reach]
        halves = self._at(reaching, compute, strict)
        model_interval, data_interval, mdl_interval = map(
            _interval, (model, data, model + data), drawn, halves
        )
        return model_interval, data_interval, mdl_interval

    def above_uniform(self, compute: float) -> Found:
        """Intervals where the uniform code answers: how far a model may still be the better.

        S_T is 0 unless noise hides a model that wins, so its interval is one-sided: from 0 to the
        quantile of the replicates, where each takes the shorter of its model and the uniform code.
        """
        if not self:
            return None, None, None
        model, *others = self._at(self._traced, compute)
        upper = max(float(np.quantile(model, LEVEL)), 0.0)
        data, mdl = (float(np.quantile(values, 1.0 - LEVEL)) for values in others)
        return (0.0, upper), (data, self._uniform), (mdl, self._uniform)


def _interval(
    center: float, drawn: Float64[np.ndarray, " replicates"], halves: Float64[np.ndarray, " halves"]
) -> Pair:
    spread = float(np.quantile(np.abs(drawn - center), LEVEL))
    half_width = math.hypot(spread, float(np.abs(halves - center).max(initial=0.0)))
    return center - half_width, center + half_width


def _halves(members: Sequence[Member]) -> list[list[Member]]:
    """The family with every other size left out, both ways; empty below three sizes."""
    sizes = sorted({member.params for member in members})
    kept = (sizes[::2], sizes[1::2]) if len(sizes) > 2 else ()
    return [[member for member in members if member.params in half] for half in kept]


def _reach(half: Sequence[Member]) -> float:
    """The least budget at which half a family counts: its smallest member's whole run.

    Below it the half has no model that the budget could train, so its answer shows the edge of the
    family (which is flagged), not how far apart the sizes are.
    """
    return float(min(half, key=lambda member: member.params).time_flops[-1])


class _Pool:
    """Relative deviations of every seed from its member's mean, as whole curves.

    An area that the sampling of the training tokens alone could have made (the online and the exact
    variant's `model_var`, which is drawn for each member by itself) says nothing about how areas
    vary with the seed, so it deviates by 0.

    Attributes:
        curves: of each seed, (steps [R], deviation of the loss [R], of the area [R]); the loss
            relative to the loss above `floor_nats`, the area relative to the area, both times
            sqrt(S / (S - 1)), which undoes the pull of a mean over few seeds.
        floor_nats: the loss that no model of the family falls below, as far as is known.
    """

    def __init__(self, members: Sequence[Member], entropy_rate_nats: float | None) -> None:
        self.floor_nats = _reachable_floor(members, entropy_rate_nats)
        self.curves: list[tuple[Steps, Values, Values]] = []
        for member in members:
            if member.seeds < 2:
                continue
            scale = math.sqrt(member.seeds / (member.seeds - 1))
            loss = scale * (member.losses - member.losses.mean(axis=0)) / self.excess(member)
            area = scale * (member.model_seeds - member.model_bits) / self.area(member)
            sampling = np.sqrt(member.model_var * member.seeds)
            area *= np.abs(member.model_bits) >= _SIGNAL * sampling
            self.curves += [(member.steps, *pair) for pair in zip(loss, area, strict=True)]

    def excess(self, member: Member) -> Values:
        """[R] the loss above the floor; never quite 0, so that a solved source divides too."""
        excess = member.losses.mean(axis=0) - self.floor_nats
        return np.maximum(excess, 1e-6 * max(float(excess[0]), 1e-12))

    @staticmethod
    def area(member: Member) -> Values:
        """[R] the size of the area, at least its error, so that no structure divides too."""
        error = np.sqrt(np.sum(member.model_factors**2, axis=0))
        return np.maximum(np.maximum(np.abs(member.model_bits), error), 1e-9)


def _reachable_floor(members: Sequence[Member], entropy_rate_nats: float | None) -> float:
    """The known entropy rate, or the best final loss less its mean excess over its own run.

    For a power law the mean excess over a run equals what is still to be gained, up to a factor
    near 1; deviations need no more than that order of size.
    """
    if entropy_rate_nats is not None:
        return entropy_rate_nats
    if not members:
        return 0.0
    best = min(members, key=lambda member: member.data_bits[-1])
    losses, x = best.losses.mean(axis=0), best.steps.astype(np.float64)
    if x.size < 2:
        return 0.0
    mean = float(np.sum(np.diff(x) * (losses[1:] + losses[:-1]) / 2) / x[-1])
    return max(float(losses[-1]) - max(mean - float(losses[-1]), 0.0), 0.0)


def _replicates(traced: Traced, pool: _Pool) -> tuple[Replicates, Replicates]:
    """Model and data lengths [K, all members' F] of every replicate."""
    generator = np.random.Generator(np.random.Philox(_SEED))
    floor = generator.standard_normal(REPLICATES) * floor_draw_scale(traced.members)
    model, data = [], []
    for member, grid in zip(traced.members, traced.grids, strict=True):
        bits_per_nat = member.data_gain
        mix = _mixtures(generator, len(pool.curves), member.seeds)
        loss = mix @ np.stack([_onto(steps, dev, grid) for steps, dev, _ in pool.curves])
        area = mix @ np.stack([_onto(steps, dev, grid) for steps, _, dev in pool.curves])
        own = generator.standard_normal((REPLICATES, member.model_factors.shape[0]))
        sampled = np.sqrt(member.model_var)
        sampling = generator.standard_normal((REPLICATES, 1)) if sampled.any() else np.zeros((1, 1))
        model.append(
            resample(member.steps, member.model_bits, grid)
            + area * _onto(member.steps, pool.area(member), grid)
            + own @ _onto(member.steps, member.model_factors, grid)
            + sampling * _onto(member.steps, sampled, grid)
            + floor[:, None] * _onto(member.steps, member.model_gain, grid)
        )
        data.append(
            resample(member.steps, member.data_bits, grid)
            + np.maximum(loss, -1.0) * _onto(member.steps, pool.excess(member), grid) * bits_per_nat
            + own @ _onto(member.steps, member.data_factors, grid)
            + floor[:, None] * bits_per_nat
        )
    return np.concatenate(model, axis=1), np.concatenate(data, axis=1)


def _mixtures(
    generator: np.random.Generator, curves: int, seeds: int
) -> Float64[np.ndarray, "replicates curves"]:
    """Weights [K, curves] that average `seeds` curves, drawn with replacement."""
    drawn = generator.integers(curves, size=(REPLICATES, seeds))
    weights = np.zeros((REPLICATES, curves))
    np.add.at(weights, (np.arange(REPLICATES)[:, None], drawn), 1.0 / seeds)
    return weights


def _onto(steps: Steps, values: AnyRows, grid: Grid) -> OnGrid:
    """Values [..., R] on another grid, linear in log(1 + step), held beyond the last one."""
    x, at = np.log1p(steps), np.log1p(grid)
    right = np.clip(np.searchsorted(x, at), 1, max(x.size - 1, 1))
    if x.size == 1:
        return np.repeat(values, grid.size, axis=-1)
    weight = np.clip((at - x[right - 1]) / (x[right] - x[right - 1]), 0.0, 1.0)
    return values[..., right - 1] * (1.0 - weight) + values[..., right] * weight
