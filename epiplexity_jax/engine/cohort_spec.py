"""What a cohort is: members of equal shapes, and the values that are each member's own."""

import math
from dataclasses import dataclass
from typing import Any

from epiplexity_jax.engine.heldout import HeldoutLayout
from epiplexity_jax.engine.method import Method
from epiplexity_jax.engine.programs import PREQUENTIAL, ProgramKey
from epiplexity_jax.engine.recorder import Accounting, History, RecorderState
from epiplexity_jax.engine.stream import Stream
from epiplexity_jax.families.spec import Decoder, Model
from epiplexity_jax.sources.spec import Batch

_BLOCK_BYTES = 2**25
_BLOCK_STEPS = 64


@dataclass(frozen=True)
class MemberJob:
    """What is a member's own: its data and the values in which members of a cohort may differ.

    Attributes:
        root: root seed of the sweep.
        seed: the member's seed.
        stream: its training data.
        heldout: its source's held-out set, [tiles, S, L] small integers or `Vectors`.
        learning_rate: base learning rate.
        warmup_steps: steps of linear warm-up.
        ema_steps: window of the EMA, steps; it grows with ema_growth (see `Hyperparameters`).
        max_kl: nats per label token above which a requential teacher waits; infinite: never.
        resume: state (host arrays) and record at `CohortJob.start`, the history of a shorter run or
            what was saved in the middle of this one; None for a new member.
    """

    root: int
    seed: int
    stream: Stream
    heldout: Batch
    learning_rate: float
    warmup_steps: int
    ema_steps: int
    ema_growth: float = 0.0
    max_kl: float = math.inf
    resume: tuple[Any, History | RecorderState] | None = None


@dataclass(frozen=True)
class CohortJob:
    """What a cohort's members share: everything that fixes shapes.

    Attributes:
        model: the model.
        batch_size: B sequences.
        steps: batches of real data that every member learns.
        layout: of the held-out sets.
        members: C of them.
        start: steps that every member has behind it already.
        microbatch: see `step.train_step`.
        exact: the final models score the whole training stream again.
        method: how members train.
        spreads: whether a member's state is spread over the devices that share its batch.
        scored: see `loop.ProgramKey`.
        max_iterations: where a member ends whose teacher waited too often; `steps` without a cap.
    """

    model: Model
    batch_size: int
    steps: int
    layout: HeldoutLayout
    members: tuple[MemberJob, ...]
    start: int = 0
    microbatch: int | None = None
    exact: bool = False
    method: Method = PREQUENTIAL
    spreads: bool = False
    scored: int | None = None
    max_iterations: int | None = None

    @property
    def setup(self) -> ProgramKey:
        """What is compiled into the programs."""
        return ProgramKey(self.model, self.method, self.microbatch, self.spreads, self.scored)

    @property
    def gated(self) -> bool:
        """Whether members may wait, so that the host must ask how far they are."""
        return any(math.isfinite(member.max_kl) for member in self.members)

    @property
    def iterations(self) -> int:
        """The most that a member may take."""
        return (self.max_iterations or self.steps) if self.gated else self.steps

    @property
    def block_steps(self) -> int:
        """T, steps of a data block: one for all numbers of steps, unless batches are large."""
        return block_steps(self.members[0].stream)

    @property
    def accounting(self) -> Accounting:
        """What a step of a member counts."""
        return Accounting(
            batch_size=self.batch_size,
            label_tokens=self.model.task.label_tokens,
            total_tokens=self.model.task.total_tokens,
            cost=self.model.cost,
            layout=self.layout,
            num_weight_sets=self.method.num_weight_sets,
            sampling_passes=sampling_passes(self.model),
        )


def block_steps(stream: Stream) -> int:
    """T, steps of a block of a stream's batches."""
    return max(1, min(_BLOCK_STEPS, _BLOCK_BYTES // stream.batch_bytes))


def sampling_passes(model: Model) -> int:
    """Forward passes that drawing a sequence takes.

    A model without a cache reads the whole sequence again for every label.
    """
    labels = model.task.label_tokens
    return 1 if isinstance(model, Decoder) else labels
