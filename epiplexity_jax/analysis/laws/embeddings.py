"""Laws over compute, fitted without embedding parameters, as laws over all parameters and tokens.

Henighan et al. 2020 report L(C) = E + (C/C0)^-gamma and the best N(C) = (C/C*)^delta, where N and
C = 6 N D leave embeddings out. The correction is that of arXiv 2601.03220, App. B.3. Axis letters:
F budget.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import curve_fit

from epiplexity_jax.analysis.scaling_law import ScalingLaw
from epiplexity_jax.analysis.shapes import Values

PF_DAY = 8.64e19
"""FLOPs of a day at 10^15 a second."""
_BUDGETS = np.geomspace(1e-6, 0.1, 20) * PF_DAY


@dataclass(frozen=True)
class ComputeLaw:
    """L(C) = E + (C/C0)^-gamma, and the best size N(C) = (C/C*)^delta.

    Attributes:
        gamma, delta: exponents.
        c0_flops: C0; c_star_flops: C*.
        irreducible_nats: E.
        n0: N0 of the law over N at D without end; it is handed on as it is.
    """

    gamma: float
    delta: float
    c0_flops: float
    c_star_flops: float
    irreducible_nats: float
    n0: float

    def with_embeddings(
        self, vocab_size: int, context: int, width_over_depth: float = 5.0
    ) -> "ComputeLaw":
        """The law whose N and C hold embeddings of V tokens, at both ends, and of positions.

        At 20 budgets from 1e-6 to 0.1 PF-days they are added, and both laws are fitted again. N0
        stays, though it leaves embeddings out.

        Args:
            vocab_size: V.
            context: positions that have an embedding.
            width_over_depth: shape of the models, 12 width^2 depth being their N.
        """
        size = (_BUDGETS / self.c_star_flops) ** self.delta
        width = (width_over_depth / 12.0) ** (1.0 / 3.0) * size ** (1.0 / 3.0)
        whole = size + (2 * vocab_size + context) * width
        compute = _BUDGETS * whole / size
        losses = self.irreducible_nats + (_BUDGETS / self.c0_flops) ** -self.gamma
        delta, level = np.polyfit(np.log(compute), np.log(whole), 1)
        c0, gamma, floor = _refitted(self, compute, losses)
        star = math.exp(-float(level) / float(delta))
        return ComputeLaw(gamma, float(delta), c0, star, floor, self.n0)

    def law(self) -> ScalingLaw:
        """The law over N and D whose best sizes and losses these are."""
        alpha, beta = self.gamma / self.delta, self.gamma / (1.0 - self.delta)
        d0 = self.c_star_flops / 6.0 * self.n0 ** (alpha / beta)
        return ScalingLaw(
            alpha, beta, self.n0, d0 * (beta / alpha) ** (-1.0 / beta), self.irreducible_nats
        )


def _refitted(law: ComputeLaw, compute: Values, losses: Values) -> tuple[float, float, float]:
    """C0, gamma and E of losses at other budgets, by least squares of their logarithms."""

    def log_loss(log_compute: Values, log_c0: float, gamma: float, floor: float) -> Values:
        return np.log(floor + np.exp(-gamma * (log_compute - log_c0)))

    start = (math.log(law.c0_flops), law.gamma, law.irreducible_nats)
    found, _ = curve_fit(log_loss, np.log(compute), np.log(losses), p0=start)
    log_c0, gamma, floor = found.tolist()
    return math.exp(log_c0), gamma, floor
