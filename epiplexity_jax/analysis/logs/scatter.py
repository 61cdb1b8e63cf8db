"""Level of a loss at the end of a curve: a mean of its last rows, with an error from their scatter.

Losses are nats per label token. Axis letters: P row, K row of the mean.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from epiplexity_jax.analysis.shapes import Values

LEVEL = 0.95
_BASE_ROWS = 32  # rows that show the scatter where the mean is of fewer
_LEAST_BASE = 5
_ROUNDING = 1e-12
_TREND = 3  # coefficients of a parabola
_FEW = 150
_REPEATS = 2
_WINDOW = 5.0  # lags summed, in units of the autocorrelation time they give (Sokal 1997)


@dataclass(frozen=True)
class Level:
    """A loss at the end of a curve.

    Attributes:
        nats: the mean.
        rows: number of rows in it.
        stderr: its standard error, with the correlation between rows; None where the rows do not
            show it.
        scatter: standard deviation of one row about the trend, or None.
        freedom: degrees of freedom of these.
        correlation_rows: rows after which a deviation is a new one, at least 1.
        drift: what the trend at the last row is above the mean, where it is beyond its error.
    """

    nats: float
    rows: int = 1
    stderr: float | None = None
    scatter: float | None = None
    freedom: float = math.inf
    correlation_rows: float = 1.0
    drift: float = 0.0

    @property
    def quantile(self) -> float:
        """Standard errors of half of a 95 % interval."""
        tail = 0.5 + LEVEL / 2
        return float(ndtri(tail) if math.isinf(self.freedom) else stdtrit(self.freedom, tail))


def level(at: ArrayLike, losses: ArrayLike, rows: int, weights: ArrayLike | None = None) -> Level:
    """The mean of the last rows of a curve and its error.

    The scatter is that about a parabola through these rows, or 32 of the second half where the
    mean is of fewer; the autocorrelation time of the deviations says how many rows count as one.

    Args:
        at: [P] positions of the rows.
        losses: [P] nats.
        rows: number of rows in the mean.
        weights: [P] tokens of each row; equal by default.

    >>> noise = np.random.default_rng(0).standard_normal(1000)
    >>> found = level(np.arange(1000), 3.0 + 0.1 * noise, 100)
    >>> round(found.nats, 2), round(found.stderr, 3)
    (2.97, 0.01)
    """
    x, y = np.asarray(at, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    w = np.ones_like(y) if weights is None else np.asarray(weights, dtype=np.float64)
    rows = min(rows, y.size)
    last = slice(y.size - rows, None)
    own = w[last] if w[last].sum() > 0 else np.ones(rows)
    mean = float((y[last] * own).sum() / own.sum())
    half = int(np.searchsorted(x, x[-1] / 2.0))
    base = slice(min(y.size - rows, max(y.size - _BASE_ROWS, half)), None)
    count = y[base].size
    if count < _LEAST_BASE:
        return Level(mean, rows)
    left, _ = _detrended(x[base], y[base], _TREND)
    scatter = math.sqrt(float(left @ left) / (count - _TREND))
    if scatter <= _ROUNDING * abs(mean):  # a constant, which shows nothing
        return Level(mean, rows)
    time = autocorrelation_time(left, _TREND)
    effective = float(own.sum() ** 2 / (own @ own)) / time
    stderr = scatter / math.sqrt(max(effective, 1.0))
    freedom = max(count / time - _TREND, 1.5)
    drift = _drift(x[last], y[last], mean, scatter * math.sqrt(time))
    return Level(mean, rows, stderr, scatter, freedom, time, drift)


def autocorrelation_time(deviations: Values, coefficients: int = 0) -> float:
    """Rows that count as one: 1 + 2 x the sum of the autocorrelations [P], at least 1.

    A fitted trend takes the share coefficients x time / P off the variance, which lowers all
    autocorrelations; it is put back.

    >>> autocorrelation_time(np.tile([1.0, -1.0], 50))
    1.0
    """
    count, total = deviations.size, float(deviations @ deviations)
    if total <= 0.0 or count < 8:
        return 1.0
    spectrum = np.abs(np.fft.rfft(deviations, 2 * count)) ** 2
    correlation = np.fft.irfft(spectrum)[1 : count // 3] / total
    if count < _FEW:  # the sum is noise: that of the first-order process of the first entry
        taken = coefficients / count
        first = min(max(float(correlation[0]) * (1.0 - taken) + taken, 0.0), 0.9)
        return (1.0 + first) / (1.0 - first)
    time = _windowed(correlation)
    for _ in range(_REPEATS):
        taken = min(coefficients * time / count, 0.5)
        time = _windowed(correlation * (1.0 - taken) + taken)
    return min(max(time, 1.0), float(count))


def _windowed(correlation: Values) -> float:
    """1 + 2 x the sum of autocorrelations up to a window that is wide enough for it."""
    times = 1.0 + 2.0 * np.cumsum(correlation)
    ended = np.flatnonzero(np.arange(1, times.size + 1) >= _WINDOW * times)
    return max(float(times[ended[0]] if ended.size else times[-1]), 1.0)


def _detrended(x: Values, y: Values, coefficients: int) -> tuple[Values, Values]:
    """Deviations from a polynomial, and the polynomial."""
    width = float(np.ptp(x)) or 1.0
    basis = np.vander((x - x.mean()) / width, coefficients)
    fitted = basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
    return y - fitted, fitted


def _drift(x: Values, y: Values, mean: float, scatter: float) -> float:
    """Height of the line through the rows [K] at the last one above their mean, if significant."""
    if y.size < _LEAST_BASE:
        return 0.0
    _, line = _detrended(x, y, 2)
    deviation = x - x.mean()
    size = math.sqrt(float(deviation @ deviation)) or 1.0
    error = scatter * abs(float(deviation[-1])) / size
    height = float(line[-1]) - mean
    return height if abs(height) > 3.0 * error else 0.0
