"""A scaling law of losses over parameters and tokens, whose best two-part code is known.

L(N, D) = E + (N0/N)^alpha + (D0/D)^beta, nats per token (arXiv 2601.03220, App. B.3).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, log_expit

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.units import nats_to_bits

Array = Float64[np.ndarray, "..."]

_LOGITS = np.linspace(-80.0, 45.0, 1251)  # of D as a share of the test tokens
_MOST = 1e80  # FLOPs up to which a law's first model is looked for


@dataclass(frozen=True)
class Optimum:
    """The best model of a law at a budget; lengths in bits.

    Attributes:
        params: N; train_tokens: D.
        epiplexity_bits: S_T; entropy_bits: H_T.
        minima: number of local minima of the two-part code over D, of which this is the least.
    """

    params: float
    train_tokens: float
    epiplexity_bits: float
    entropy_bits: float
    minima: int = 1

    @property
    def mdl_bits(self) -> float:
        """The two-part code."""
        return self.epiplexity_bits + self.entropy_bits


@dataclass(frozen=True)
class ScalingLaw:
    """L(N, D) = E + (N0/N)^alpha + (D0/D)^beta, nats per token.

    Attributes:
        alpha, beta: exponents of parameters and of data.
        n0: parameters; d0: tokens.
        irreducible_nats: E.

    Raises:
        ConfigError: when one is not a positive number, or E is negative.
    """

    alpha: float
    beta: float
    n0: float
    d0: float
    irreducible_nats: float

    def __post_init__(self) -> None:
        """Refuse what is no law."""
        for one in fields(ScalingLaw):
            value, least = getattr(self, one.name), 0.0
            fits = value >= least if one.name == "irreducible_nats" else value > least
            if not (fits and math.isfinite(value)):
                kind = "a number of at least 0" if one.name == "irreducible_nats" else "positive"
                raise ConfigError(f"{one.name}: must be {kind}, got {value:g}")

    @classmethod
    def from_coefficients(
        cls, a: float, b: float, irreducible_nats: float, alpha: float, beta: float
    ) -> "ScalingLaw":
        """The law E + A/N^alpha + B/D^beta.

        Args:
            a: A, in nats times parameters to the alpha.
            b: B, in nats times tokens to the beta.
            irreducible_nats: E.
            alpha: exponent of the parameters.
            beta: exponent of the tokens.

        >>> round(ScalingLaw.from_coefficients(406.4, 410.7, 1.69, 0.339, 0.285).d0 / 1e9, 2)
        1.48
        """
        return cls(alpha, beta, a ** (1.0 / alpha), b ** (1.0 / beta), irreducible_nats)

    @property
    def a(self) -> float:
        """A = N0^alpha."""
        return self.n0**self.alpha

    @property
    def b(self) -> float:
        """B = D0^beta."""
        return self.d0**self.beta

    def loss(self, params: ArrayLike, tokens: ArrayLike) -> Array:
        """Loss of a model of N parameters after D tokens, nats per token."""
        size = (self.n0 / np.asarray(params, dtype=np.float64)) ** self.alpha
        with np.errstate(divide="ignore"):
            data = (self.d0 / np.asarray(tokens, dtype=np.float64)) ** self.beta
        return np.asarray(self.irreducible_nats + size + data)

    def model_bits(self, tokens: ArrayLike) -> Array:
        """|P_preq|: the area of L(N, d) above L(N, D) for d from 0 to D, bits.

        It is beta/(1 - beta) D0^beta D^(1 - beta) nats, whatever N is.

        Raises:
            ConfigError: when beta is 1 or more, where the area has no end.
        """
        self._check_area()
        tokens = np.asarray(tokens, dtype=np.float64)
        power = 1.0 - self.beta
        nats = self.beta / power * self.d0**self.beta * tokens**power
        return np.asarray(nats_to_bits(nats))

    def optimum(self, compute: float, test_tokens: float) -> Optimum:
        """The best two-part code within 6 N D + 2 N test tokens, N and D continuous.

        It is a root of the derivative over D, between 0 and the test tokens:
        D0^beta beta (X - D) D^(-beta - 1) = 3 alpha X N0^alpha (2/T)^alpha (3 D + X)^(alpha - 1),
        X the test tokens.

        Args:
            compute: T, FLOPs.
            test_tokens: label tokens of the dataset that is measured.

        Raises:
            ConfigError: when beta is 1 or more, or an argument is not positive.
        """
        self._check_area()
        for name, value in (("compute", compute), ("test_tokens", test_tokens)):
            if not (value > 0 and math.isfinite(value)):
                raise ConfigError(f"{name}: must be a positive number, got {value!r}")
        slope = self._log_slope(compute, test_tokens)
        values = slope(_LOGITS)
        # MDL falls in D where the slope is positive, so that a minimum is where it changes to -.
        falls = np.flatnonzero((values[:-1] > 0.0) & (values[1:] <= 0.0))
        roots = [
            brentq(lambda x: float(slope(x)), _LOGITS[i], _LOGITS[i + 1], xtol=1e-13)
            for i in falls.tolist()
        ] or [float(_LOGITS[-1 if values[-1] > 0.0 else 0])]
        found = [self._at(compute, test_tokens, float(expit(root)), len(roots)) for root in roots]
        return min(found, key=lambda one: one.mdl_bits)

    def limit(self, test_tokens: float) -> Optimum:
        """The optimum without any limit on compute: D = test tokens, N without end."""
        data = test_tokens * float(self.loss(math.inf, test_tokens))
        model = float(self.model_bits(test_tokens))
        return Optimum(math.inf, test_tokens, model, float(nats_to_bits(data)))

    def first_compute(self, test_tokens: float, vocab_size: float) -> float | None:
        """The budget from which on a model of the law beats the uniform code, FLOPs.

        Below it the untrained model wins. It is at least that of evaluating one parameter. None
        where no model ever beats the code.

        Args:
            test_tokens: label tokens of the dataset.
            vocab_size: V of the uniform code, log2 V bits a token.
        """
        uniform = test_tokens * math.log2(vocab_size)

        def excess(log_compute: float) -> float:
            return self.optimum(math.exp(log_compute), test_tokens).mdl_bits - uniform

        if self.limit(test_tokens).mdl_bits >= uniform:
            return None
        ends = math.log(2.0 * test_tokens), math.log(_MOST)
        if excess(ends[0]) <= 0.0:
            return 2.0 * test_tokens
        if excess(ends[1]) > 0.0:
            return None
        root: Any = brentq(excess, *ends, xtol=1e-9)
        return math.exp(root)

    def irreducible_bits(self, test_tokens: float) -> float:
        """Bits that no model of the law can save: test tokens times E."""
        return float(nats_to_bits(test_tokens * self.irreducible_nats))

    def _log_slope(self, compute: float, test_tokens: float) -> Callable[[Any], Array]:
        """Log of the area's growth over that of the size's cost, by the logit of D / test."""
        alpha, beta, log_test = self.alpha, self.beta, math.log(test_tokens)
        known = math.log(beta / (3.0 * alpha)) + beta * math.log(self.d0)
        known -= alpha * math.log(2.0 * self.n0 / compute) + log_test

        def slope(logit: ArrayLike) -> Array:
            x = np.asarray(logit, dtype=np.float64)
            log_tokens, log_left = log_test + log_expit(x), log_test + log_expit(-x)
            spent = math.log(3.0) + np.logaddexp(log_tokens, log_test - math.log(3.0))
            return np.asarray(known + log_left - (beta + 1.0) * log_tokens - (alpha - 1.0) * spent)

        return slope

    def _at(self, compute: float, test_tokens: float, share: float, minima: int) -> Optimum:
        tokens = share * test_tokens
        params = compute / (6.0 * tokens + 2.0 * test_tokens)
        data = float(nats_to_bits(test_tokens * float(self.loss(params, tokens))))
        return Optimum(params, tokens, float(self.model_bits(tokens)), data, minima)

    def _check_area(self) -> None:
        if not self.beta < 1.0:
            raise ConfigError(
                f"beta: must be below 1, got {self.beta:g}; the area under such a law has no end"
            )


@dataclass(frozen=True)
class CappedLaw(ScalingLaw):
    """min(E + (N0/N)^alpha + (D0/D)^beta, ln V), nats per token.

    A law alone diverges at D = 0, where a model starts at the loss of uniform predictions.

    Attributes:
        vocab_size: V, or exp of the loss of the untrained model.
    """

    vocab_size: float

    @property
    def cap_nats(self) -> float:
        """Loss of the untrained model, ln V."""
        return math.log(self.vocab_size)

    def loss(self, params: ArrayLike, tokens: ArrayLike) -> Array:
        """Loss of a model of N parameters after D tokens, nats per token."""
        return np.asarray(np.minimum(super().loss(params, tokens), self.cap_nats))

    def area(self, params: ArrayLike, tokens: ArrayLike) -> Array:
        """Integral of L(N, d) - L(N, D) over d from 0 to D, nats; of any beta."""
        tokens = np.asarray(tokens, dtype=np.float64)
        size = (self.n0 / np.asarray(params, dtype=np.float64)) ** self.alpha
        head = np.maximum(self.cap_nats - self.irreducible_nats - size, 1e-30)
        log_flat = np.minimum(math.log(self.d0) - np.log(head) / self.beta, np.log(tokens))
        flat, power = np.exp(log_flat), 1.0 - self.beta
        if abs(power) < 1e-9:
            below = self.d0 * (np.log(tokens) - log_flat)
        else:
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

    def limit(self, test_tokens: float) -> Optimum:
        """The optimum without any limit on compute: D = test tokens, N without end."""
        model = float(nats_to_bits(float(self.area(math.inf, test_tokens))))
        data = test_tokens * float(self.loss(math.inf, test_tokens))
        return Optimum(math.inf, test_tokens, model, float(nats_to_bits(data)))
