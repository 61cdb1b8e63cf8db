"""Training curves drawn from a scaling law, whose best two-part code is known.

The oracle of the frontier and of its intervals, and a way to plan a sweep before it is trained:
which sizes, steps and seeds resolve what. Axis letters: R record point, B block, T budget.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from epiplexity_jax.analysis.runs.curve import Curve, Online, StepCost
from epiplexity_jax.analysis.runs.heldout import HeldoutLosses
from epiplexity_jax.analysis.scaling_law import CappedLaw
from epiplexity_jax.analysis.shapes import Blocks, Steps, Values


@dataclass(frozen=True)
class SimulatedNoise:
    """Errors by which measured curves differ from their law.

    Attributes:
        seed: relative standard deviation between seeds of the loss above E, smooth in log steps.
        smoothness: number of independent parts of it, from the first step to the last.
        shared: True where a seed deviates alike in all sizes.
        drop: share of the loss above E that falls all at once, at a step that each run draws.
        floor_nats: error of the full held-out set, common to all members.
        paired_nats: error of a loss at a record point, relative to the last, each curve's own.
        difficulty_nats: standard deviation between blocks of a trained model's loss, common to
            all curves: what pairing removes.
        blocks: B, held-out blocks.
        jitter_nats: excess loss of trained raw weights over averaged ones.
        stream_nats: standard deviation of the mean loss of a batch; above 0 there are online losses
            and raw weights.
    """

    seed: float = 0.03
    smoothness: int = 4
    shared: bool = False
    drop: float = 0.0
    floor_nats: float = 5e-4
    paired_nats: float = 5e-4
    difficulty_nats: float = 0.02
    blocks: int = 16
    jitter_nats: float = 0.0
    stream_nats: float = 0.0


def sweep(
    law: CappedLaw,
    sizes: Sequence[int],
    steps: Steps,
    tokens_per_step: int,
    seeds: int = 1,
    noise: SimulatedNoise | None = None,
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
    if noise is None:
        curves = []
        for size in sizes:
            exact = HeldoutLosses(law.loss(size, steps * float(tokens_per_step)))
            curves += [
                _curve(law, size, seed, steps, tokens_per_step, ema=exact) for seed in range(seeds)
            ]
        return curves
    drawn = _Sweep(law, steps, tokens_per_step, noise, generator)
    streams = [drawn.stream() for _ in range(seeds)]
    return [
        drawn.curve(size, seed, own, stream)
        for size, own in [(size, drawn.blocks()) for size in sizes]
        for seed, stream in enumerate(streams)
    ]


def _curve(law: CappedLaw, size: int, seed: int, steps: Steps, tokens: int, **losses: Any) -> Curve:
    return Curve(
        source="law",
        size=f"N{size}",
        params=size,
        vocab_size=int(law.vocab_size),
        steps=steps,
        cost=StepCost.dense(size, tokens),
        seed=seed,
        run_id=f"N{size}-{seed}",
        **losses,
    )


Parts = Float64[np.ndarray, " parts"]
Stream = tuple[Parts, Float64[np.ndarray, " intervals"]]


class _Sweep:
    """The parts that runs of one sweep share: the held-out set and its difficulty."""

    def __init__(
        self,
        law: CappedLaw,
        steps: Steps,
        tokens: int,
        noise: SimulatedNoise,
        generator: np.random.Generator,
    ) -> None:
        self.law, self.steps, self.tokens = law, steps, tokens
        self.noise, self.generator = noise, generator
        self.shift = noise.floor_nats * generator.standard_normal()
        self.difficulty = noise.difficulty_nats * generator.standard_normal(noise.blocks)

    def stream(self) -> Stream:
        """A seed's batches: parts of its smooth deviation, and errors of its intervals."""
        parts = self.generator.standard_normal(self.noise.smoothness)
        return parts, self.generator.standard_normal(self.steps.size - 1)

    def blocks(self) -> Blocks:
        """Block noise [R, B] of one size: its mean over blocks has the paired error."""
        noise = self.noise
        scale = noise.paired_nats * math.sqrt(noise.blocks)
        paired = scale * self.generator.standard_normal((self.steps.size, noise.blocks))
        # An untrained model predicts uniformly, so every block of tokens costs it the same.
        return (self.steps > 0)[:, None] * (self.difficulty + paired)

    def curve(self, size: int, seed: int, blocks: Blocks, stream: Stream) -> Curve:
        """One run."""
        noise, steps = self.noise, self.steps
        parts = stream[0] if noise.shared else self.generator.standard_normal(noise.smoothness)
        drop = self.generator.uniform() if noise.drop else None
        losses = self.losses(size, steps, parts, drop)
        losses_of = {"ema": self.heldout(losses, blocks)}
        if noise.stream_nats:
            jitter = noise.jitter_nats * (steps > 0)
            every = np.arange(steps[-1])
            raw = self.losses(size, every, parts, drop) + noise.jitter_nats * (every > 0)
            sums = np.concatenate([[0.0], np.cumsum(raw)])[steps]
            error = np.sqrt(np.diff(steps)) * stream[1] * noise.stream_nats
            sums += np.concatenate([[0.0], np.cumsum(error)])
            variance = steps * noise.stream_nats**2
            losses_of |= {
                "raw": self.heldout(losses + jitter, blocks),
                "online": Online(self.tokens * sums, self.tokens**2 * variance),
                "variants": ("switch", "paired", "online"),
                "variant": "switch",
                "fresh": True,
            }
        return _curve(self.law, size, seed, steps, self.tokens, **losses_of)

    def losses(self, size: int, steps: Steps, parts: Parts, drop: float | None) -> Values:
        """Loss of the averaged weights after some steps: a smooth deviation above E, and a drop.

        Args:
            size: parameters.
            steps: numbers of steps.
            parts: coefficients of the smooth relative deviation.
            drop: 0 to 1, where in log training the drop lies; None for no drop.
        """
        noise, law = self.noise, self.law
        exact = law.loss(size, steps * float(self.tokens))
        x = np.log1p(steps) / np.log1p(self.steps[-1])
        terms = np.arange(noise.smoothness)
        scales = np.where(terms == 0, 1.0, math.sqrt(2.0)) / math.sqrt(noise.smoothness)
        smooth = parts @ (scales[:, None] * np.cos(np.pi * terms[:, None] * x))
        above = (exact - law.irreducible_nats) * (1.0 + noise.seed * smooth)
        if drop is not None:
            above *= 1.0 + noise.drop * (x < 0.3 + 0.5 * drop)
        start = law.loss(size, np.zeros(1))[0]
        return np.where(steps > 0, np.minimum(law.irreducible_nats + above, start), start)

    def heldout(self, losses: Values, blocks: Blocks) -> HeldoutLosses:
        """Measure losses [R] on the held-out set: blocks at all record points, all at the last."""
        recorded = losses + blocks.mean(axis=1)
        recorded[-1] = losses[-1] + self.shift
        stderr = np.full(losses.size, self.noise.floor_nats)
        return HeldoutLosses(recorded, stderr, losses[:, None] + blocks)
