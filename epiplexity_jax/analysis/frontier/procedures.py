"""Frontier procedures on points of (time, two-part code): which points are kept.

All take points sorted by time and return indices in that order, with MDL strictly falling, so
MDL_T never rises with T. Axis letters: P point, K vertex.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


# Smooth laws with sizes a factor 2 or 4 apart stay below 0.13, sharp drops lie above 0.7.
BRIDGE_GAP = 0.2


def log_length(bits: Array) -> Array:
    """Logarithm of code lengths, where lengths under one bit count as one bit.

    A deterministic source may drive the data length to 0 and an area within its error below 0;
    no code is shorter than a bit, so nothing is gained there, and the logarithm stays finite.
    """
    return np.log(np.maximum(bits, 1.0))


def envelope(mdl_bits: Array) -> Indices:
    """The points that are shorter than every cheaper one: the raw lower envelope.

    Args:
        mdl_bits: [P] bits, in order of time.

    >>> envelope(np.array([5.0, 6.0, 4.0, 4.0, 1.0])).tolist()
    [0, 2, 4]
    """
    best = np.minimum.accumulate(mdl_bits)
    falls = np.empty(mdl_bits.size, dtype=bool)
    falls[:1] = True
    falls[1:] = mdl_bits[1:] < best[:-1]
    return np.flatnonzero(falls)


def lower_hull(x: Array, y: Array) -> Indices:
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


def hull_of_envelope(time: Array, mdl_bits: Array) -> Indices:
    """The falling part of the lower convex hull in log T and log MDL."""
    kept = envelope(mdl_bits)
    return kept[lower_hull(np.log(time[kept]), log_length(mdl_bits[kept]))]


def hull_median(time: Array, mdl_bits: Array, run: NDArray[np.int64]) -> Indices:
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


def select(procedure: str, time: Array, mdl_bits: Array, run: NDArray[np.int64]) -> Indices:
    """The points that a procedure keeps, out of points sorted by time."""
    if procedure == "refined":
        return hull_of_envelope(time, mdl_bits)
    if procedure == "hull-median":
        return hull_median(time, mdl_bits, run)
    return envelope(mdl_bits)


def spans_cliff(
    time: Array, mdl_bits: Array, stderr_bits: Array, vertices: Indices
) -> NDArray[np.bool_]:
    """Segments from a vertex to the next that pass far below what was measured.

    A hull bridges a cliff: between its ends no model is near the line. A segment is a bridge when
    some point of the raw envelope between its ends lies above the line by more than `BRIDGE_GAP`
    of what the whole frontier gains (the fall of log MDL from its first vertex to its last), and
    by more than twice its own standard error.

    Args:
        time: [P] FLOPs.
        mdl_bits: [P] bits.
        stderr_bits: [P] standard errors of mdl_bits.
        vertices: [K] indices of P.

    Returns:
        [K] of each vertex, whether the segment that begins there is a bridge; the last is False.
    """
    bridged = np.zeros(vertices.size, dtype=bool)
    if vertices.size < 2:
        return bridged
    x, y = np.log(time), log_length(mdl_bits)
    kept = envelope(mdl_bits)
    gap = y[kept] - np.interp(x[kept], x[vertices], y[vertices])
    least = np.maximum(
        BRIDGE_GAP * (y[vertices[0]] - y[vertices[-1]]),
        2.0 * stderr_bits[kept] / np.maximum(mdl_bits[kept], 1.0),
    )
    segment = np.searchsorted(vertices, kept, side="right") - 1
    bridged[segment[gap > least]] = True
    return bridged
