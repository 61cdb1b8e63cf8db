"""Frontier procedures: which candidates of a family make up its frontier.

A procedure takes members and returns what `Traced.at` answers for. Rules take candidates in order
of time and return indices in that order, with MDL strictly falling, so MDL_T never rises with T.
Axis letters: P candidate, K vertex.
"""

from collections.abc import Callable, Sequence

import numpy as np

from epiplexity_jax.analysis.frontier.fitted import Fitted
from epiplexity_jax.analysis.frontier.members import Member
from epiplexity_jax.analysis.frontier.traced import Traced, envelope, log_length
from epiplexity_jax.analysis.shapes import Indices, Steps, Values
from epiplexity_jax.base.registry import Choices

Tracer = Callable[[Sequence[Member]], Traced]


def lower_hull(x: Values, y: Values) -> Indices:
    """Vertices of the lower convex hull (Andrew's monotone chain), left to right.

    Args:
        x: [P] in rising order; of equal ones the lowest y should come last.
        y: [P].

    >>> lower_hull(np.array([0.0, 1.0, 2.0, 3.0]), np.array([3.0, 2.9, 0.5, 0.0])).tolist()
    [0, 2, 3]
    """
    xs, ys = x.tolist(), y.tolist()
    chain: list[int] = []
    for i, (xi, yi) in enumerate(zip(xs, ys, strict=True)):
        while chain and xs[chain[-1]] == xi:
            chain.pop()
        while len(chain) > 1:
            a, b = chain[-2], chain[-1]
            if (xs[b] - xs[a]) * (yi - ys[a]) > (ys[b] - ys[a]) * (xi - xs[a]):
                break
            chain.pop()
        chain.append(i)
    return np.array(chain, dtype=np.int64)


def hull_of_envelope(time: Values, mdl_bits: Values) -> Indices:
    """The falling part of the lower convex hull in log T and log MDL."""
    kept = envelope(mdl_bits)
    return kept[lower_hull(np.log(time[kept]), log_length(mdl_bits[kept]))]


def hull_median(time: Values, mdl_bits: Values, run: Steps) -> Indices:
    """The paper's procedure: lower hull in linear T and MDL, then one point per run.

    Args:
        time: [P] FLOPs.
        mdl_bits: [P] bits.
        run: [P] number of the run; the untrained models are one run of their own.

    Returns:
        [K] the median in compute of each run's points on the hull, the lower of two middle ones.
    """
    kept = envelope(mdl_bits)
    hull = kept[lower_hull(time[kept], mdl_bits[kept])]
    chosen = []
    for one in np.unique(run[hull]):
        points = hull[run[hull] == one]
        chosen.append(points[(points.size - 1) // 2])
    return np.sort(np.array(chosen, dtype=np.int64))


def refined(members: Sequence[Member]) -> Traced:
    """Trace the hull in log T and log MDL, with candidates between the record points."""
    return Traced(members, lambda time, mdl, _: hull_of_envelope(time, mdl), refine=True)


def paper(members: Sequence[Member]) -> Traced:
    """Trace as the paper does: the median of each run's record points on the linear hull."""
    return Traced(members, hull_median)


def raw(members: Sequence[Member]) -> Traced:
    """Trace every record point that is shorter than all cheaper ones."""
    return Traced(members, lambda _, mdl, run: envelope(mdl))


def fitted(members: Sequence[Member]) -> Traced:
    """Trace the optimum of a loss law that is fitted to the members' curves."""
    if not members:
        return raw(members)
    return Fitted(members, lambda time, mdl, _: hull_of_envelope(time, mdl))


PROCEDURES: Choices[Tracer] = Choices("procedure")
"""Procedures by the name that `--frontier` and `Runs.frontier` take; the first is the default."""
PROCEDURES.register("refined", refined)
PROCEDURES.register("hull-median", paper)
PROCEDURES.register("raw", raw)
PROCEDURES.register("fitted", fitted)
