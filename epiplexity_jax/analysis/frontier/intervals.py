"""95 % intervals of a frontier: resampled seeds, sampled tokens and left-out sizes.

Every replicate moves the members' mean curves by
deviations drawn from all seeds of all members and by errors of the tokens that were scored, which
members share as far as they scored the same, and traces the frontier again. Axis letters: K
replicate, M member, S seed, R record point, F point of a member's grid, Q unit error.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtri, stdtrit

from epiplexity_jax.analysis.frontier.members import Member, resample
from epiplexity_jax.analysis.frontier.stacked import Stacked
from epiplexity_jax.analysis.frontier.traced import Answer, Traced, log_length
from epiplexity_jax.analysis.laws.points import NotIdentified
from epiplexity_jax.analysis.runs import errors
from epiplexity_jax.analysis.shapes import AnyRows, Grid, OnGrid, Replicates, Steps, Units, Values

Pair = tuple[float, float]
Found = tuple[Pair | None, Pair | None, Pair | None]
"""Intervals of S, H and MDL; None without replicates."""

Mixtures = Float64[np.ndarray, "replicates curves"]
Draws = Float64[np.ndarray, " replicates"]
Halves = Float64[np.ndarray, " halves"]

REPLICATES = 200
LEVEL = 0.95
_UPPER = 0.5 + LEVEL / 2
_SEED = 260103220
_SIGNAL = 4.0  # standard errors of its tokens' sampling from which on an area is its own


class Replicated(NamedTuple):
    """One value of a frontier at a budget, in every replicate.

    Attributes:
        drawn: with other seeds and other tokens.
        sampled: with the same tokens as in `drawn` and the seeds as they are.
        halves: of the family with every other size left out, where such halves answer.
    """

    drawn: Draws
    sampled: Draws
    halves: Halves


class Intervals:
    """Replicates of one frontier, and the intervals they give at a budget.

    Args:
        traced: the frontier, of M averaged members.
        trace: the procedure that traced it.
        uniform_bits: length of the uniform code.
        entropy_rate_nats: known floor of the loss, or None.
        tokens: number of a generator for the errors of tokens. Frontiers of other data take other
            numbers: then replicates of one index have independent tokens and, where the members and
            their numbers of seeds are the same, the same seeds. None: one generator for all.

    Attributes:
        freedom: degrees of freedom of the deviations of seeds.
    """

    def __init__(
        self,
        traced: Traced,
        trace: Callable[[Sequence[Member]], Traced],
        uniform_bits: float,
        entropy_rate_nats: float | None = None,
        tokens: int | None = None,
    ) -> None:
        """Draw the replicates; no work when no member has two seeds, or nothing has an error."""
        self._uniform = uniform_bits
        self._traced = self._sampled = Stacked(())
        self._halves: list[Traced] = []
        pool = _Pool(traced.members, entropy_rate_nats)
        self.freedom = pool.freedom
        known = (m.model_stderr.any() or m.mdl_stderr.any() for m in traced.members)
        if not pool.curves or not any(known):
            return
        self._widened = pool.widened
        self._traced, self._sampled = (
            Stacked([traced.with_lengths(*lengths) for lengths in zip(*drawn, strict=True)])
            for drawn in (
                (lengths[:, traced.order] for lengths in _replicates(traced, pool, part, tokens))
                for part in (1.0, 0.0)
            )
        )
        halves = (_trace_half(trace, half) for half in _halves(traced.members))
        self._halves = [half for half in halves if half is not None]

    def __bool__(self) -> bool:
        """Return whether there are replicates: some member has two seeds, and some an error."""
        return len(self._traced) > 0

    def _at(self, traced: Stacked, compute: float, strict: bool = False) -> list[Values]:
        """S, H and MDL of each frontier at a budget; the uniform code where it is the shorter."""
        model, data = traced.lengths(math.log(compute), strict).T
        beaten = model + data >= self._uniform
        model, data = np.where(beaten, 0.0, model), np.where(beaten, self._uniform, data)
        return [model, data, model + data]

    def replicated(self, compute: float) -> tuple[Replicated, Replicated, Replicated]:
        """S, H and MDL of every replicate at a budget, as `around` takes them; empty without."""
        halves = Stacked([half for half in self._halves if _answers(half, compute)])
        found = (self._at(traced, compute) for traced in (self._traced, self._sampled, halves))
        model, data, mdl = (Replicated(*values) for values in zip(*found, strict=True))
        return model, data, mdl

    def around_growth(self, compute: float, before: float, growth: float) -> Pair | None:
        """Interval of d log S / d log T between two budgets; lengths under one bit count as one.

        Args:
            compute: the larger budget, FLOPs.
            before: the smaller one.
            growth: the estimate.
        """
        if not self:
            return None
        both = [h for h in self._halves if _answers(h, compute) and _answers(h, before)]
        halves = Stacked(both)
        slopes = [
            (log_length(self._at(traced, compute)[0]) - log_length(self._at(traced, before)[0]))
            / math.log(compute / before)
            for traced in (self._traced, self._sampled, halves)
        ]
        drawn, sampled, left_out = slopes
        return _interval(growth, drawn, sampled, left_out, 0.0, self._widened)

    def around(
        self,
        compute: float,
        answer: Answer,
        strict: bool = False,
        recipes: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Found:
        """Intervals of S, H and MDL around a trained model's estimate at a budget.

        Args:
            compute: T, FLOPs.
            answer: the frontier's at that budget.
            strict: as for `Traced.at`.
            recipes: changes of the three to other recipes that are as good, bits.
        """
        if not self:
            return None, None, None
        drawn = self._at(self._traced, compute, strict)
        sampled = self._at(self._sampled, compute, strict)
        halves = Stacked([half for half in self._halves if _answers(half, compute)])
        left_out = self._at(halves, compute, strict)
        found = (answer.model_bits, answer.data_bits, answer.mdl_bits)
        sparse = (answer.interpolation_error_bits, 0.0, answer.interpolation_error_bits)
        fixed = map(math.hypot, sparse, recipes)
        model, data, mdl = map(
            _interval, found, drawn, sampled, left_out, fixed, 3 * [self._widened]
        )
        return model, data, mdl

    def above_uniform(self, compute: float, strict: bool = False) -> Found:
        """Intervals where the uniform code answers: how far a model may still be the better.

        S_T is 0 unless noise hides a model that wins, so its interval is one-sided: from 0 to the
        quantile of the replicates, where each takes the shorter of its model and the uniform code.

        Args:
            compute: T, FLOPs.
            strict: as for `Traced.at`.
        """
        if not self:
            return None, None, None
        model, *others = self._at(self._traced, compute, strict)
        upper = max(float(np.quantile(model, LEVEL)), 0.0)
        # A replicate whose area is below 0 wins with a loss above the uniform code's.
        data, mdl = (
            min(float(np.quantile(values, 1.0 - LEVEL)), self._uniform) for values in others
        )
        return (0.0, upper), (data, self._uniform), (mdl, self._uniform)


def _interval(
    center: float, drawn: Draws, sampled: Draws, halves: Halves, fixed: float, widened: float
) -> Pair:
    spread = float(np.quantile(np.abs(drawn - center), LEVEL))
    least = float(np.quantile(np.abs(sampled - center), LEVEL))
    spread = math.hypot(min(least, spread), widened * math.sqrt(max(spread**2 - least**2, 0.0)))
    half_width = math.hypot(spread, float(np.abs(halves - center).max(initial=0.0)), fixed)
    return center - half_width, center + half_width


def _halves(members: Sequence[Member]) -> list[list[Member]]:
    """The family with every other size left out, both ways; empty below three sizes."""
    sizes = sorted({member.params for member in members})
    kept = (sizes[::2], sizes[1::2]) if len(sizes) > 2 else ()
    return [[member for member in members if member.params in half] for half in kept]


def _trace_half(trace: Callable[[Sequence[Member]], Traced], half: list[Member]) -> Traced | None:
    """Trace half a family; None where its procedure needs more sizes."""
    try:
        return trace(half)
    except NotIdentified:
        return None


def _answers(half: Traced, compute: float) -> bool:
    """Return whether half a family can say something: its optimum lies inside of what it trained.

    Elsewhere its answer shows the edge of the half, not how far apart the sizes are.
    """
    answer = half.at(compute)
    if answer is None or answer.untrained or answer.ends_run or answer.beyond:
        return False
    sizes = sorted(member.params for member in half.members)
    reached = bool(compute <= half.points.time_flops[-1])
    return reached and sizes[0] < answer.params < sizes[-1]


class _Pool:
    """Relative deviations of every seed from its member's mean, as whole curves.

    An area's scatter between seeds holds that of the tokens which each seed reads, which is drawn
    for itself: deviations are shortened by its share, over all members. An area that this sampling
    alone could have made says nothing about how areas vary with the seed, and deviates by 0.
    Deviations are widened as Student's t is over a normal, for as many seeds as there are.

    Attributes:
        curves: one per seed: (steps [R], deviation of the loss [R], of the area [R]); the loss
            relative to the loss above `floor_nats`, the area relative to the area, both times
            sqrt(S / (S - 1)), which undoes the pull of a mean over few seeds.
        floor_nats: the loss that no model of the family falls below, as far as is known.
        shared: 0 to 1, the part of the variance that seeds of one number share over the members, as
            they read the same data in the same order.
        freedom: degrees of freedom of the deviations.
    """

    def __init__(self, members: Sequence[Member], entropy_rate_nats: float | None) -> None:
        self.floor_nats = _reachable_floor(members, entropy_rate_nats)
        self.curves: list[tuple[Steps, Values, Values]] = []
        several = [member for member in members if member.seeds > 1]
        self.shared = _shared(several)
        freedom = sum(member.seeds - 1 for member in several)
        freedom /= 1.0 + (len(several) - 1) * self.shared**2
        self.freedom = max(freedom, 1.5)
        self.widened = float(stdtrit(self.freedom, _UPPER) / ndtri(_UPPER))
        unexplained = math.sqrt(1.0 - _sampled_share(several))
        for member in several:
            scale = math.sqrt(member.seeds / (member.seeds - 1))
            loss = scale * (member.losses - member.losses.mean(axis=0)) / self.excess(member)
            area = scale * (member.model_seeds - member.model_bits) / self.area(member)
            sampling = np.sqrt(member.own_var * member.seeds)
            area *= unexplained * (np.abs(member.model_bits) >= _SIGNAL * sampling)
            self.curves += [(member.steps, *pair) for pair in zip(loss, area, strict=True)]

    def mixtures(self, generator: np.random.Generator, seeds: Sequence[int]) -> list[Mixtures]:
        """Weights [K, curves] of the drawn curves, for every member of so many seeds.

        Members deviate together as far as the seeds of one number do.
        """
        count, shared = len(self.curves), self.shared
        common = _mixtures(generator, count, round(float(np.mean(seeds))))
        return [
            math.sqrt(shared) * common + math.sqrt(1.0 - shared) * _mixtures(generator, count, n)
            for n in seeds
        ]

    def excess(self, member: Member) -> Values:
        """[R] the loss above the floor; never quite 0, so that a solved source divides too."""
        excess = member.losses.mean(axis=0) - self.floor_nats
        return np.maximum(excess, 1e-6 * max(float(excess[0]), 1e-12))

    @staticmethod
    def area(member: Member) -> Values:
        """[R] the size of the area, at least its error, so that no structure divides too."""
        error = np.sqrt(errors.variance(member.model_factors, member.model_var))
        return np.maximum(np.maximum(np.abs(member.model_bits), error), 1e-9)


def _shared(members: Sequence[Member]) -> float:
    """Correlation of what seeds of one number deviate by in different members, 0 to 1."""
    if len(members) < 2 or len({member.seeds for member in members}) > 1:
        return 0.0
    found = []
    for values in ([m.losses[:, -1] for m in members], [m.model_seeds[:, -1] for m in members]):
        deviations = np.stack([one - one.mean() for one in values])
        sizes = np.sqrt(np.mean(deviations**2, axis=1, keepdims=True))
        if (sizes == 0.0).any():
            return 0.0
        own = deviations / sizes
        pairs = len(members) * (len(members) - 1)
        found.append((np.sum(own.sum(axis=0) ** 2) / own.shape[1] - len(members)) / pairs)
    return min(max(float(np.mean(found)), 0.0), 1.0)


def _sampled_share(members: Sequence[Member]) -> float:
    """Share of the final areas' scatter between seeds that their own tokens explain, 0 to 1."""
    scatter = [member.model_seeds[:, -1].var(ddof=1) / member.seeds for member in members]
    sampled = [member.own_var[-1] for member in members]
    return min(sum(sampled) / total, 1.0) if (total := sum(scatter)) > 0.0 else 0.0


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


def _replicates(
    traced: Traced, pool: _Pool, part: float, tokens: int | None
) -> tuple[Replicates, Replicates]:
    """Model and data lengths [K, all members' F] of every replicate."""
    generator = seeds = np.random.Generator(np.random.Philox(_SEED))
    if tokens is not None:
        generator = np.random.default_rng([_SEED, tokens])
        layout = [n for member in traced.members for n in (member.params, member.seeds)]
        seeds = np.random.default_rng([_SEED, *layout])
    units = _unit_errors(generator, traced.members)
    mixtures = pool.mixtures(seeds, [member.seeds for member in traced.members])
    model, data = [], []
    for member, grid, mix in zip(traced.members, traced.grids, mixtures, strict=True):
        loss = mix @ np.stack([_onto(steps, dev, grid) for steps, dev, _ in pool.curves])
        area = mix @ np.stack([_onto(steps, dev, grid) for steps, _, dev in pool.curves])
        like = np.zeros((REPLICATES, member.steps.size))
        own = generator.standard_normal((REPLICATES, 1)) * np.sqrt(member.model_var)
        model.append(
            resample(member.steps, member.model_bits, grid)
            + part * area * _onto(member.steps, pool.area(member), grid)
            + _onto(member.steps, own + errors.drawn(member.model_factors, units, like), grid)
        )
        excess = member.data_gain * _onto(member.steps, pool.excess(member), grid)
        data.append(
            resample(member.steps, member.data_bits, grid)
            + np.maximum(part * loss, -1.0) * excess
            + _onto(member.steps, errors.drawn(member.data_factors, units, like), grid)
        )
    return np.concatenate(model, axis=1), np.concatenate(data, axis=1)


def _unit_errors(generator: np.random.Generator, members: Sequence[Member]) -> dict[str, Units]:
    """Draws [K, Q] of every error that some member has, by name: the same for all members."""
    sizes: dict[str, int] = {}
    for member in members:
        for factors in (member.model_factors, member.data_factors):
            for name, rows in factors.items():
                sizes[name] = max(sizes.get(name, 0), len(rows))
    return {
        name: generator.standard_normal((REPLICATES, size)) for name, size in sorted(sizes.items())
    }


def _mixtures(generator: np.random.Generator, curves: int, seeds: int) -> Mixtures:
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
