"""Conversion between nats and bits.

Losses are nats per label token inside the package; every public length is in bits.
"""

import math
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

NATS_PER_BIT = math.log(2.0)


@overload
def nats_to_bits(nats: float) -> float: ...
@overload
def nats_to_bits(nats: NDArray[np.floating]) -> NDArray[np.float64]: ...
def nats_to_bits(nats: ArrayLike) -> float | NDArray[np.float64]:
    """Convert nats of any shape to bits, float64.

    >>> nats_to_bits(math.log(8))
    3.0
    """
    bits = np.asarray(nats, dtype=np.float64) / NATS_PER_BIT
    return bits if bits.ndim else float(bits)


@overload
def bits_to_nats(bits: float) -> float: ...
@overload
def bits_to_nats(bits: NDArray[np.floating]) -> NDArray[np.float64]: ...
def bits_to_nats(bits: ArrayLike) -> float | NDArray[np.float64]:
    """Convert bits to nats; the inverse of `nats_to_bits`.

    >>> round(bits_to_nats(3.0), 6)
    2.079442
    """
    nats = np.asarray(bits, dtype=np.float64) * NATS_PER_BIT
    return nats if nats.ndim else float(nats)
