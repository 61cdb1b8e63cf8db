"""Training runs of simulated sequences, whose population losses are known.

The oracle of the estimator of model lengths: sequences differ in difficulty, held-out set and
streams are samples of them, raw weights jitter and averaged ones lag. Axis letters: R record point,
B held-out block, M sequence.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from epiplexity_jax.analysis.runs.curve import Curve, Online, StepCost
from epiplexity_jax.analysis.runs.heldout import HeldoutLosses
from epiplexity_jax.analysis.shapes import Rows, Values
from epiplexity_jax.coding import record_points
from epiplexity_jax.engine.heldout import HeldoutLayout, heldout_layout


@dataclass(frozen=True)
class Simulated:
    """A family whose losses are known, on sequences of unequal difficulty.

    Attributes:
        steps: of every run.
        batch_size: sequences of a step; sequence_tokens: label tokens of each.
        difficulty_nats: standard deviation between sequences, common to all models; its
            distribution is skewed.
        own_nats: of a sequence's loss under one model, on top; half of it changes along the run.
        jitter_nats: by how much raw weights are worse than averaged ones at the end.
        window: share of training that the average holds.
        record_sequences, heldout_sequences: scored at record points and at the end.
        grown_steps: after which sequences differ in full; an untrained model predicts uniformly.
        record_share: of what training has read, what later record points score in turns; 0: none.
    """

    steps: int = 1500
    batch_size: int = 16
    sequence_tokens: int = 64
    difficulty_nats: float = 0.3
    own_nats: float = 0.1
    jitter_nats: float = 0.05
    window: float = 0.1
    record_sequences: int = 128
    heldout_sequences: int = 2048
    record_share: float = 0.0
    grown_steps: int = 20

    @property
    def layout(self) -> HeldoutLayout:
        """Layout of the held-out set."""
        return heldout_layout(self.heldout_sequences, self.record_sequences, self.record_share)

    def ema_loss(self, steps: Values, size: int) -> Values:
        """[R] population loss of the averaged weights, nats per label token."""
        return self._curve(steps * (1.0 - self.window / 2), size)

    def raw_loss(self, steps: Values, size: int) -> Values:
        """[R] population loss of the raw weights."""
        jitter = self.jitter_nats * (1.0 - np.exp(-steps / 100.0))
        return self._curve(steps, size) + jitter

    @staticmethod
    def _curve(steps: Values, size: int) -> Values:
        return 1.0 + 0.1 * (1e6 / size) ** 0.3 + 2.0 * (1.0 + steps / 5.0) ** -0.6

    @property
    def points(self) -> np.ndarray:
        """[R] record points."""
        return record_points(self.steps)

    def model_nats(self, size: int, at: int) -> float:
        """The true area of a run that changes over to averaged weights at a record point's step."""
        steps = np.arange(self.steps, dtype=np.float64)
        coded = np.where(steps < at, self.raw_loss(steps, size), self.ema_loss(steps, size))
        floor = self.ema_loss(np.array([float(self.steps)]), size)[0]
        return float(np.sum(coded - floor)) * self.batch_size * self.sequence_tokens


def runs(
    family: Simulated, sizes: Sequence[int], seeds: int, generator: np.random.Generator
) -> list[Curve]:
    """Draw the runs of a family.

    Args:
        family: its losses.
        sizes: parameters of the members.
        seeds: of each; a seed's stream is the same for all sizes, the held-out set for all runs.
        generator: source of all sequences.
    """
    heldout = _difficulty(family, generator, family.heldout_sequences)
    curves = []
    for seed in range(seeds):
        stream = _difficulty(family, generator, family.steps * family.batch_size)
        curves += [_run(family, size, seed, heldout, stream, generator) for size in sizes]
    return curves


def _difficulty(family: Simulated, generator: np.random.Generator, count: int) -> Values:
    """[M] deviations with mean 0, skewed."""
    return family.difficulty_nats * (generator.gamma(2.0, size=count) - 2.0) / np.sqrt(2.0)


def _run(
    family: Simulated,
    size: int,
    seed: int,
    heldout: Values,
    stream: Values,
    generator: np.random.Generator,
) -> Curve:
    points, tokens = family.points, family.sequence_tokens
    every, at = np.arange(family.steps, dtype=np.float64), points.astype(np.float64)
    noise = stream + family.own_nats * generator.standard_normal(stream.size)
    noise = _grown(family, every)[:, None] * noise.reshape(family.steps, -1)
    losses = tokens * (family.raw_loss(every, size)[:, None] + noise)
    spread = family.batch_size * losses.var(axis=1, ddof=1)
    own = _own(family, generator, heldout.size)
    jitter = 0.3 * family.own_nats * generator.standard_normal(own.shape)
    return Curve(
        source="simulated",
        size=f"N{size}",
        params=size,
        vocab_size=256,
        seed=seed,
        steps=points,
        cost=StepCost.dense(size, family.batch_size * tokens),
        ema=_scored(family, family.ema_loss(at, size), heldout + own),
        raw=_scored(family, family.raw_loss(at, size), heldout + own + jitter),
        online=Online(_up_to(points, losses.sum(axis=1)), _up_to(points, spread)),
        variants=("switch", "paired", "online"),
        variant="switch",
        fresh=True,
        batch_size=family.batch_size,
        run_id=f"N{size}-{seed}",
    )


def _grown(family: Simulated, steps: Values) -> Values:
    """Part of their full difference by which sequences differ after some steps."""
    return np.minimum(steps / family.grown_steps, 1.0)


def _own(family: Simulated, generator: np.random.Generator, count: int) -> Rows:
    """[R, M] a model's own deviations at record points; neighbouring points share most of them."""
    changing = generator.standard_normal((family.points.size, count))
    for i in range(1, len(changing)):
        changing[i] = 0.9 * changing[i - 1] + math.sqrt(1.0 - 0.81) * changing[i]
    return family.own_nats * (generator.standard_normal(count) + changing) / math.sqrt(2.0)


def _scored(family: Simulated, level: Values, deviations: Rows) -> HeldoutLosses:
    """Held-out losses of deviations [R, M] around a level [R], 64 blocks; the end scores all."""
    cut = deviations.reshape(len(level), -1, 64, family.record_sequences // 64).mean(axis=3)
    cut = _grown(family, family.points)[:, None, None] * cut
    turns = [family.layout.turn(int(step), family.batch_size) for step in family.points]
    own = [cut[i, list(turn.batches)].mean(axis=0) for i, turn in enumerate(turns)]
    blocks = level[:, None] + np.stack(own)
    loss, stderr = blocks.mean(axis=1), blocks.std(axis=1, ddof=1) / 8.0
    whole = level[-1] + cut[-1].mean(axis=0)
    loss[-1], stderr[-1] = whole.mean(), whole.std(ddof=1) / 8.0
    if not any(turn.number for turn in turns):
        return HeldoutLosses(loss, stderr, blocks)
    finals = level[-1] + np.stack([cut[-1, list(turn.batches)].mean(axis=0) for turn in turns])
    finals[-1] = whole
    numbers = np.array([turn.number for turn in turns])
    return HeldoutLosses(loss, stderr, blocks, finals, numbers, family.batch_size)


def _up_to(points: np.ndarray, values: Values) -> Values:
    return np.concatenate([[0.0], np.cumsum(values)])[points]
