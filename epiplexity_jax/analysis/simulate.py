"""Training curves drawn from a scaling law, whose best two-part code is known.

The oracle of the frontier and of its intervals, and a way to plan a sweep before it is trained:
which sizes, steps and seeds resolve what. Axis letters: R record point, B block, T budget.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from epiplexity_jax.analysis.runs.curve import Cost, Curve, Heldout
from epiplexity_jax.analysis.scaling_law import CappedLaw
from epiplexity_jax.analysis.shapes import Blocks, Steps, Values


@dataclass(frozen=True)
class Noise:
    """Errors by which measured curves differ from their law.

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
    steps: Steps,
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
            curve = Curve(
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
            curves.append(curve)
    return curves


def _jitter(
    law: CappedLaw,
    exact: Values,
    steps: Steps,
    noise: Noise,
    generator: np.random.Generator,
) -> Values:
    """One seed's loss [R]: a smooth relative deviation of the loss above E, capped again."""
    x = np.log1p(steps) / np.log1p(steps[-1])
    terms = np.arange(noise.smoothness)
    waves = np.cos(np.pi * terms[:, None] * x) * np.where(terms == 0, 1.0, math.sqrt(2.0))[:, None]
    smooth = generator.standard_normal(noise.smoothness) @ waves / math.sqrt(noise.smoothness)
    above = (exact - law.irreducible_nats) * (1.0 + noise.seed * smooth)
    loss = np.minimum(law.irreducible_nats + above, exact[0])
    loss[0] = exact[0]
    return loss


def _paired(noise: Noise, points: int, generator: np.random.Generator) -> Blocks:
    """Block noise [R, B] of one member: its mean over blocks has the paired error."""
    scale = noise.paired_nats * math.sqrt(noise.blocks)
    return scale * generator.standard_normal((points, noise.blocks))
