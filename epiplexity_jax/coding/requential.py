"""Lengths of requential codes, which send a student by samples of its teacher.

A is Finzi et al. 2026 (arXiv 2601.03220), B is Qiu et al. 2026 (arXiv 2607.11883). A message is one
batch sampled from the teacher, coded with the student as it was before it learnt from it.

Axis letters: T messages.
"""

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.units import nats_to_bits
from epiplexity_jax.coding import checks

KAPPA = 5.21  # bits a message; B, Eq. 2 has kappa < 5.21


def requential_length(kl_sum_nats: ArrayLike) -> checks.Values:
    """Requential model length, bits: the sum over messages of KL(teacher || student) (A, Eq. 9).

    Args:
        kl_sum_nats: sum of KL over all label tokens sent so far, nats, any shape. May be negative
            by rounding where teacher and student are equal; it is not clamped.

    >>> float(requential_length(np.log(2) * 3))
    3.0
    """
    return nats_to_bits(checks.finite("kl_sum_nats", kl_sum_nats))


def certified_length(
    kl_nats: ArrayLike, kappa: float = KAPPA
) -> Float64[np.ndarray, "*members messages"]:
    """Certified requential length: the bound of a coder that samples by channel simulation.

    sum_t [KL_t + 2 log2(1 + KL_t) + kappa] with KL_t in bits summed over message t (B, Eq. 2).

    Args:
        kl_nats: [..., T] KL of each message, summed over its label tokens, nats. What rounding left
            below 0 adds nothing to the logarithm.
        kappa: bits a message, whatever its KL.

    Returns:
        [..., T] bits up to and with each message.

    Raises:
        ConfigError: when a KL is not finite or kappa is negative.

    >>> certified_length(np.log(2) * np.array([1.0, 3.0]), kappa=5.0).tolist()
    [8.0, 20.0]
    """
    bits = np.asarray(nats_to_bits(checks.finite("kl_nats", kl_nats)))
    if not bits.ndim:
        raise ConfigError("kl_nats: expected one KL a message, got a single number")
    constant = checks.not_negative("kappa", kappa).item()
    return np.cumsum(bits + 2.0 * np.log2(1.0 + np.maximum(bits, 0.0)) + constant, axis=-1)
