"""One switch a run, from raw to averaged weights, at the record point with the shortest code.

Raw weights jitter when learning has slowed down, averaged (EMA) ones lag behind while it is fast;
a code that may change over once pays for neither. Decoding a token that averaged weights code
takes a second forward pass (Qiu et al. 2026, arXiv 2607.11883, Eq. 19).

Axis letters: R record point.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64
from numpy.typing import ArrayLike

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import checks


class Switch(NamedTuple):
    """The shortest code of a stream that changes over once, for every record point as its end.

    Attributes:
        at: [R] index of the record point from which the EMA weights code, at most the end itself.
        sums: [..., R] length of the stream up to the end, unit of the arguments.
    """

    at: Int64[np.ndarray, " points"]
    sums: checks.Curve


def best_switch(raw_sums: ArrayLike, ema_sums: ArrayLike) -> Switch:
    """Choose where to change over from raw to EMA weights, for every end.

    The code up to record point i that changes over at k is raw[k] + ema[i] - ema[k], so the best k
    does not depend on what comes after the end: it is the one with the least raw[k] - ema[k].
    Always (k = 0) and only for the final model (k = i) are among the choices.

    Args:
        raw_sums: [..., R] what the stream up to a record point costs under the raw weights; leading
            axes are seeds, for whose mean the point is chosen.
        ema_sums: [..., R] the same under the EMA weights.

    Raises:
        ConfigError: when shapes differ or a sum is not finite.

    >>> best_switch([0.0, 4.0, 9.0, 14.0], [0.0, 6.0, 10.0, 13.0])
    Switch(at=array([0, 1, 1, 1]), sums=array([ 0.,  4.,  8., 11.]))
    """
    raw, ema = checks.finite("raw_sums", raw_sums), checks.finite("ema_sums", ema_sums)
    if raw.shape != ema.shape or not raw.ndim or not raw.shape[-1]:
        raise ConfigError(f"ema_sums: expected the shape of raw_sums, {raw.shape}, got {ema.shape}")
    lag = raw - ema
    mean = lag.reshape(-1, lag.shape[-1]).mean(axis=0)
    lowest = np.minimum.accumulate(mean)
    # The last point of the lowest value so far: raw weights decode in one forward pass.
    at = np.maximum.accumulate(np.where(mean <= lowest, np.arange(lowest.size), 0))
    return Switch(at.astype(np.int64), ema + lag[..., at])


def switch_bits(points: ArrayLike) -> checks.Values:
    """Length of the name of a switch, bits: log2(R + 1) for R record points and never.

    Args:
        points: R, record points up to the end, the untrained model counted.

    Raises:
        ConfigError: when there are no points.

    >>> float(switch_bits(7))
    3.0
    """
    return np.log2(checks.positive("points", points) + 1.0)
