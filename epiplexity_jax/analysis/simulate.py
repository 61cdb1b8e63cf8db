"""Training curves drawn from a scaling law, whose best two-part code is known.

The oracle of the frontier and of its intervals, and a way to plan a sweep before it is trained:
which sizes, steps and seeds resolve what. Axis letters: R record point, B block, T budget.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from epiplexity_jax.analysis.runs.curve import Cost, Curve, Heldout
from epiplexity_jax.base.units import nats_to_bits

Array = NDArray[np.float64]


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

    def optimum(self, compute: float, test_tokens: float) -> "Optimum":
        """The best two-part code within a budget, N and D continuous; T = 6ND + 2N test."""

        def mdl(log_tokens: ArrayLike) -> Array:
            tokens = np.exp(log_tokens)
            params = compute / (6.0 * tokens + 2.0 * test_tokens)
            return np.asarray(self.area(params, tokens) + test_tokens * self.loss(params, tokens))

        top = math.log(compute)
        grid = np.linspace(
            math.log(test_tokens) - 20.0, min(math.log(test_tokens) + 8.0, top), 4001
        )
        i = int(np.argmin(mdl(grid)))
        bounds = grid[max(i - 1, 0)], grid[min(i + 1, grid.size - 1)]
        best: Any = minimize_scalar(mdl, bounds=bounds, method="bounded", options={"xatol": 1e-10})
        tokens = math.exp(best.x)
        params = compute / (6.0 * tokens + 2.0 * test_tokens)
        model = float(nats_to_bits(float(self.area(params, tokens))))
        data = float(nats_to_bits(test_tokens * float(self.loss(params, tokens))))
        return Optimum(params, tokens, model, data)

    def irreducible_bits(self, test_tokens: float) -> float:
        """What no model of the law can save: test tokens times E."""
        return float(nats_to_bits(test_tokens * self.irreducible_nats))


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
class Noise:
    """What makes measured curves differ from their law.

    Attributes:
        seed: relative standard deviation between seeds of the loss above E, smooth in log steps.
        smoothness: number of independent parts of it, from the first step to the last.
        floor_nats: error of the full held-out set, common to all members.
        paired_nats: error of a loss at a record point, relative to the last, each curve's own.
        difficulty_nats: standard deviation between blocks of a trained model's loss, common to
            all curves: what pairing removes.
        blocks: B, held-out blocks.
    """

    seed: float = 0.03
    smoothness: int = 4
    floor_nats: float = 5e-4
    paired_nats: float = 5e-4
    difficulty_nats: float = 0.02
    blocks: int = 16


def sweep(
    law: CappedLaw,
    sizes: Sequence[int],
    steps: NDArray[np.int64],
    tokens_per_step: int,
    seeds: int = 1,
    noise: Noise | None = None,
    generator: np.random.Generator | None = None,
) -> list[Curve]:
    """Curves of a family that follows a law, with or without noise.

    Args:
        law: the law.
        sizes: parameters of the members.
        steps: [R] record points (`coding.record_points`).
        tokens_per_step: label tokens of a step; there are no inputs.
        seeds: curves per size.
        noise: None draws none.
        generator: source of the noise.
    """
    generator = np.random.default_rng(0) if generator is None else generator
    drawn = Noise() if noise is None else noise
    shift = drawn.floor_nats * generator.standard_normal()
    difficulty = drawn.difficulty_nats * generator.standard_normal(drawn.blocks)
    curves = []
    for size in sizes:
        exact = law.loss(size, steps * float(tokens_per_step))
        # An untrained model predicts uniformly, so every block of tokens costs it the same.
        blocks = (steps > 0)[:, None] * (difficulty + _paired(drawn, steps.size, generator))
        for seed in range(seeds):
            heldout = Heldout(exact)
            if noise is not None:
                loss = _jitter(law, exact, steps, noise, generator)
                recorded = loss + blocks.mean(axis=1)
                recorded[-1] = loss[-1] + shift
                stderr = np.full(steps.size, noise.floor_nats)
                heldout = Heldout(recorded, stderr, loss[:, None] + blocks)
            curves.append(
                Curve(
                    source="law",
                    size=f"N{size}",
                    params=size,
                    vocab_size=law.vocab_size,
                    steps=steps,
                    cost=Cost.dense(size, tokens_per_step),
                    ema=heldout,
                    seed=seed,
                    run_id=f"N{size}-{seed}",
                )
            )
    return curves


def _jitter(
    law: CappedLaw,
    exact: Array,
    steps: NDArray[np.int64],
    noise: Noise,
    generator: np.random.Generator,
) -> Array:
    """One seed's loss [R]: a smooth relative deviation of the loss above E, capped again."""
    x = np.log1p(steps) / np.log1p(steps[-1])
    terms = np.arange(noise.smoothness)
    waves = np.cos(np.pi * terms[:, None] * x) * np.where(terms == 0, 1.0, math.sqrt(2.0))[:, None]
    smooth = generator.standard_normal(noise.smoothness) @ waves / math.sqrt(noise.smoothness)
    above = (exact - law.irreducible_nats) * (1.0 + noise.seed * smooth)
    loss = np.minimum(law.irreducible_nats + above, exact[0])
    loss[0] = exact[0]
    return loss


def _paired(noise: Noise, points: int, generator: np.random.Generator) -> Array:
    """Block noise [R, B] of one member: its mean over blocks has the paired error."""
    return (
        noise.paired_nats
        * math.sqrt(noise.blocks)
        * generator.standard_normal((points, noise.blocks))
    )
