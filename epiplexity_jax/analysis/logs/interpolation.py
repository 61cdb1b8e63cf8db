"""Integrals of a loss that is known at some positions, and which positions may be left out.

Axis letters: P position.
"""

import numpy as np
from scipy.interpolate import PchipInterpolator

from epiplexity_jax.analysis.shapes import Indices, Values

_NODES = 24  # of Gauss and Legendre's rule; exact to rounding for gaps of 8 decades


def integrals(tokens: Values, losses: Values) -> Values:
    """Integrals [P] of a loss over tokens up to each position.

    The loss is interpolated by PCHIP in log(1 + tokens / the smallest gap).

    Args:
        tokens: [P] increasing from 0.
        losses: [P] nats per token.

    >>> integrals(np.array([0.0, 1000.0, 3000.0]), np.array([2.0, 2.0, 2.0])).round(6).tolist()
    [0.0, 2000.0, 6000.0]
    """
    unit = float(np.diff(tokens).min())
    x = np.log1p(tokens / unit)
    curve = PchipInterpolator(x, losses)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half, middle = np.diff(x)[:, None] / 2.0, (x[1:] + x[:-1])[:, None] / 2.0
    at = middle + half * nodes
    sums = (weights * curve(at) * np.exp(at) * half).sum(axis=1) * unit
    return np.append(0.0, np.cumsum(sums))


def thinned(at: Values) -> Indices:
    """Positions [P] without every other one of those beside a gap of more than 1.

    Where each step has a row nothing is interpolated, so such rows all stay.

    >>> thinned(np.array([0.0, 1, 2, 3, 10, 20, 30])).tolist()
    [0, 1, 2, 4, 6]
    """
    gaps = np.diff(at)
    sparse = np.zeros(at.size, dtype=bool)
    sparse[1:-1] = (gaps[1:] > 1) | (gaps[:-1] > 1)
    odd = np.arange(at.size) % 2 == 1
    return np.flatnonzero(~(sparse & odd))
