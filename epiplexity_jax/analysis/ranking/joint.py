"""Replicates of several sources together: seeds paired, tokens independent.

Axis letters: K replicate, I source, P pair of sources.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from scipy.special import gammaincinv, ndtri, stdtrit

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.analysis.frontier.frontier import Frontier
from epiplexity_jax.analysis.frontier.intervals import LEVEL, REPLICATES, Intervals
from epiplexity_jax.analysis.frontier.procedures import PROCEDURES
from epiplexity_jax.analysis.ranking.measures import Measure
from epiplexity_jax.analysis.runs.recipes import Code, changes_if_alike
from epiplexity_jax.base.digest import bytes_digest
from epiplexity_jax.base.status import ResultStatus

Deviations = Float64[np.ndarray, "replicates sources"]
Pairs = Float64[np.ndarray, " pairs"]
Bounds = Float64[np.ndarray, " sources"]

_SEED = 20110112
_REPEATS = 10  # of Student's factor a replicate
_HALVINGS = 40  # of the logarithm of a chance
_LEAST_TAIL = 1e-9
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, eq=False)
class Joint:
    """Deviations of one value of several sources at a budget, replicate by replicate.

    Attributes:
        values: [I] the estimates.
        tokens: [K, I] deviations by other tokens.
        seeds: [K, I] by how much further other seeds move them.
        fixed: [I] bounds of the errors that are not drawn: of left-out sizes, of interpolation, and
            of other recipes that are as good.
        freedom: [I] degrees of freedom of the seeds.
        count: number of seeds, of the member that has fewest.
        keys: a number for each source, of its name alone: no order of the sources is special.
        level: chance that every interval holds its difference.
    """

    values: Bounds
    tokens: Deviations
    seeds: Deviations
    fixed: Bounds
    freedom: Bounds
    count: int
    keys: tuple[int, ...]
    level: float = LEVEL

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Places of every pair, the earlier one first."""
        size = self.values.size
        return [(i, j) for i in range(size) for j in range(i + 1, size)]

    def half_widths(self, seeds: int | None = None) -> Pairs:
        """[P] half-widths of the differences' intervals, simultaneous over all pairs.

        They are balanced (Beran 1988): every pair has the same chance to lie beyond its own, and a
        share `level` of the replicates has none that does. A pair's deviations are those by tokens,
        whose error is known, and those by seeds, which are Student's: divided by the root of a
        chi-square over the pair's degrees of freedom, as every source's scatter is known from its
        own seeds alone. So a source with few seeds widens its own pairs and no others.

        Args:
            seeds: number of seeds that every member would have; None is what there is.
        """
        first, second = np.array(self.pairs).T
        seeds = self.count if seeds is None else seeds
        tokens = self.tokens[:, first] - self.tokens[:, second]
        own = np.sqrt(self.count / seeds) * (self.seeds[:, first] - self.seeds[:, second])
        freedom = self._freedom * max(seeds - 1, 1) / max(self.count - 1, 1)
        student = np.sqrt(freedom / (2.0 * gammaincinv(freedom / 2.0, self._uniform)))
        drawn = np.abs(tokens + own * student)
        known, scatter = (np.sqrt(np.mean(part**2, axis=0)) for part in (tokens, own))

        def beside(tail: float) -> Pairs:
            """[P] half-widths beyond which each pair lies with a chance of `tail`."""
            upper = 1.0 - tail / 2.0
            return np.hypot(ndtri(upper) * known, stdtrit(freedom, upper) * scatter)

        half = beside(_largest_tail(lambda tail: (drawn <= beside(tail)).all(axis=-1), self.level))
        return np.sqrt(half**2 + self.fixed[first] ** 2 + self.fixed[second] ** 2)

    @cached_property
    def _freedom(self) -> Pairs:
        """[P] degrees of freedom of the seeds' part of each difference (Welch and Satterthwaite).

        Never more than those of the source that has more: seeds are paired, so the two scatters are
        not known independently of each other.
        """
        first, second = np.array(self.pairs).T
        parts = np.maximum(np.mean(self.seeds**2, axis=0), _TINY)
        share = parts[first] / (parts[first] + parts[second])
        one, other = self.freedom[first], self.freedom[second]
        welch = 1.0 / (share**2 / one + (1.0 - share) ** 2 / other)
        return np.minimum(welch, np.maximum(one, other))

    @cached_property
    def _uniform(self) -> Float64[np.ndarray, "repeats replicates pairs"]:
        """Uniform numbers, independent of each other, for each pair."""
        seeds = [[_SEED, *sorted((self.keys[i], self.keys[j]))] for i, j in self.pairs]
        size = (_REPEATS, REPLICATES)
        return np.stack([np.random.default_rng(one).random(size) for one in seeds], axis=-1)

    def least_half_widths(self) -> Pairs:
        """[P] half-widths that no number of seeds goes below."""
        return self.half_widths(10**6 * max(self.count, 1))


class JointReplicates:
    """Replicates of several frontiers: those of one index have the same seeds, and other tokens.

    Held-out sets and training streams of different sources are independent. Seeds of one number
    begin at the same weights and read batches in the same order, so the deviations of members of
    one number are drawn together where the sources have the same members; elsewhere they are
    independent.

    Args:
        frontiers: by name of the source.

    Attributes:
        intervals: the replicates of every frontier.
        known: for every frontier, whether it has any.
    """

    def __init__(self, frontiers: Mapping[str, Frontier]) -> None:
        """Draw the replicates of every frontier."""
        self._frontiers = list(frontiers.values())
        self._keys = tuple(_key(name) for name in frontiers)
        self.intervals = [_intervals(name, f) for name, f in frontiers.items()]
        self.known = [bool(one) for one in self.intervals]

    def at(self, compute: float, found: Sequence[Decomposition], measure: Measure) -> Joint:
        """Collect the deviations of a value at a budget; 0 for sources without replicates.

        Args:
            compute: T, FLOPs.
            found: the estimates, in the order of the frontiers.
            measure: the value.
        """
        count = len(self._frontiers)
        tokens, seeds = np.zeros((REPLICATES, count)), np.zeros((REPLICATES, count))
        values, fixed = np.zeros(count), np.zeros(count)
        for i, (frontier, intervals) in enumerate(
            zip(self._frontiers, self.intervals, strict=True)
        ):
            scale = measure.scale(frontier)
            values[i], _ = measure.of(found[i], scale)
            if "below_cheapest" in found[i].flags or not self.known[i]:
                continue
            drawn = intervals.replicated(compute)[measure.place]
            tokens[:, i] = scale * drawn.sampled - values[i]
            seeds[:, i] = scale * (drawn.drawn - drawn.sampled)
            if found[i].status != ResultStatus.UNTRAINED:
                left_out = float(np.abs(scale * drawn.halves - values[i]).max(initial=0.0))
                sparse = 0.0 if measure.place == 1 else found[i].interpolation_error_bits
                code = Code(found[i].epiplexity_bits, found[i].mdl_bits)
                recipes = changes_if_alike(found[i].recipe, code)[measure.place]
                fixed[i] = math.hypot(left_out, scale * sparse, scale * recipes)
        several = [m.seeds for f in self._frontiers for m in f.all_members if m.seeds > 1]
        return Joint(
            values=values,
            tokens=tokens,
            seeds=seeds,
            fixed=fixed,
            freedom=np.array([one.freedom for one in self.intervals]),
            count=min(several, default=1),
            keys=self._keys,
        )


def _largest_tail(within: Callable[[float], np.ndarray], level: float) -> float:
    """Return the largest chance at which a share `level` of the draws lies within, by halving."""
    low, high = math.log(_LEAST_TAIL), 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if np.mean(within(math.exp(middle))) >= level:
            low = middle
        else:
            high = middle
    return math.exp(low)


def _intervals(name: str, frontier: Frontier) -> Intervals:
    trace = PROCEDURES.find(frontier.procedure, "frontier")
    tokens = _key(name)
    return Intervals(
        frontier.traced, trace, frontier.uniform_bits, frontier.entropy_rate_nats, tokens=tokens
    )


def _key(name: str) -> int:
    return int(bytes_digest([name]), 16)
