"""A scaling law of losses over parameters and tokens, whose best two-part code is known."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from epiplexity_jax.base.units import nats_to_bits

Array = Float64[np.ndarray, "..."]


@dataclass(frozen=True)
class Optimum:
    """The best model of a law at a budget; lengths in bits."""

    params: float
    train_tokens: float
    epiplexity_bits: float
    entropy_bits: float

    @property
    def mdl_bits(self) -> float:
        """The two-part code."""
        return self.epiplexity_bits + self.entropy_bits


@dataclass(frozen=True)
class CappedLaw:
    """L(N, D) = min(E + (N0/N)^alpha + (D0/D)^beta, ln V), nats per token (arXiv 2601.03220, B.3).

    A law alone diverges at D = 0, where a model starts at the loss of uniform predictions.

    Attributes:
        alpha, beta: exponents of parameters and of data; beta below 1.
        n0: parameters; d0: tokens.
        irreducible_nats: E.
        vocab_size: V.
    """

    alpha: float
    beta: float
    n0: float
    d0: float
    irreducible_nats: float
    vocab_size: int

    def loss(self, params: ArrayLike, tokens: ArrayLike) -> Array:
        """Loss of a model of N parameters after D tokens, nats per token."""
        with np.errstate(divide="ignore"):
            data = (self.d0 / np.asarray(tokens, dtype=np.float64)) ** self.beta
        size = (self.n0 / np.asarray(params, dtype=np.float64)) ** self.alpha
        return np.asarray(
            np.minimum(self.irreducible_nats + size + data, math.log(self.vocab_size))
        )

    def area(self, params: ArrayLike, tokens: ArrayLike) -> Array:
        """Integral of L(N, d) - L(N, D) over d from 0 to D, nats."""
        tokens = np.asarray(tokens, dtype=np.float64)
        size = (self.n0 / np.asarray(params, dtype=np.float64)) ** self.alpha
        head = np.maximum(math.log(self.vocab_size) - self.irreducible_nats - size, 1e-30)
        flat = np.minimum(self.d0 * head ** (-1.0 / self.beta), tokens)
        power = 1.0 - self.beta
        below = self.d0**self.beta * (tokens**power - flat**power) / power
        final = np.minimum((self.d0 / tokens) ** self.beta, head)
        return np.asarray(head * flat + below - final * tokens)

    def optimum(self, compute: float, test_tokens: float) -> Optimum:
        """The best two-part code within a budget, N and D continuous; T = 6ND + 2N test."""

        def mdl(log_tokens: ArrayLike) -> Array:
            tokens = np.exp(log_tokens)
            params = compute / (6.0 * tokens + 2.0 * test_tokens)
            return np.asarray(self.area(params, tokens) + test_tokens * self.loss(params, tokens))

        middle = math.log(test_tokens)
        grid = np.linspace(middle - 20.0, min(middle + 8.0, math.log(compute)), 4001)
        i = int(np.argmin(mdl(grid)))
        bounds = grid[max(i - 1, 0)], grid[min(i + 1, grid.size - 1)]
        best: Any = minimize_scalar(mdl, bounds=bounds, method="bounded", options={"xatol": 1e-10})
        tokens = math.exp(best.x)
        params = compute / (6.0 * tokens + 2.0 * test_tokens)
        model = float(nats_to_bits(float(self.area(params, tokens))))
        data = float(nats_to_bits(test_tokens * float(self.loss(params, tokens))))
        return Optimum(params, tokens, model, data)

    def irreducible_bits(self, test_tokens: float) -> float:
        """Bits that no model of the law can save: test tokens times E."""
        return float(nats_to_bits(test_tokens * self.irreducible_nats))
