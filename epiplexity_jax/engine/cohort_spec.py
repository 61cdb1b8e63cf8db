"""A cohort to train: members of equal shapes, and the values that are each member's own."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from epiplexity_jax.engine.accounting import Accounting
from epiplexity_jax.engine.blocks import BlockColumns
from epiplexity_jax.engine.heldout import HeldoutLayout
from epiplexity_jax.engine.programs import ProgramKey
from epiplexity_jax.engine.recorder import History, RecorderState
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.engine.stream import Stream
from epiplexity_jax.families.spec import Cost, Decoder, Model
from epiplexity_jax.sources.spec import Batch


@dataclass(frozen=True)
class MemberJob:
    """A member's data, and the values in which members of a cohort may differ.

    Attributes:
        root: root seed of the sweep.
        seed: the member's seed.
        stream: its training data.
        heldout: its source's held-out set, [eval batches, S, L] small integers or `Vectors`; one
            object for all members of a source, so that devices hold one copy of it.
        hyper: its hyperparameters.
        resume: state (host arrays) and record at `CohortJob.start`, the history of a shorter run or
            the record from the middle of this one; None for a new member.
        blocks: sums by block of the shorter run in `resume`; None where it has kept none.
    """

    root: int
    seed: int
    stream: Stream
    heldout: Batch
    hyper: Hyperparameters
    resume: tuple[Any, History | RecorderState] | None = None
    blocks: BlockColumns | None = None


@dataclass(frozen=True)
class CohortJob:
    """All that fixes the shapes of a cohort, and its members.

    The engine's arguments, arrays and streams in place: what a `sweep.wave.Wave`, which is sent to
    other processes, names by ids. The engine knows neither stores nor sweeps, so the two are apart.

    Attributes:
        program: the static part of its programs.
        batch_size: B sequences.
        steps: batches of real data that every member learns.
        layout: layout of the held-out sets.
        members: C of them.
        start: iterations that every member has behind it already.
        exact: whether the final models score the whole training stream again.
        max_iterations: iterations after which a member ends in any case; `steps` without a cap.
        cost: FLOPs per token where they were counted otherwise; default: what the model declares.
    """

    program: ProgramKey
    batch_size: int
    steps: int
    layout: HeldoutLayout
    members: tuple[MemberJob, ...]
    start: int = 0
    exact: bool = False
    max_iterations: int | None = None
    cost: Cost | None = None

    @property
    def model(self) -> Model:
        """The model of every member."""
        return self.program.model

    @property
    def gated(self) -> bool:
        """True if members may wait, so that the host must ask how far they are."""
        return any(np.isfinite(member.hyper.max_kl) for member in self.members)

    @property
    def iterations(self) -> int:
        """The most that a member may take."""
        return (self.max_iterations or self.steps) if self.gated else self.steps

    @property
    def chunk_steps(self) -> int:
        """T, steps of a chunk of data: one for all numbers of steps, unless batches are large."""
        return self.members[0].stream.chunk_steps

    @property
    def accounting(self) -> Accounting:
        """Tokens and FLOPs of a member's step."""
        return Accounting(
            batch_size=self.batch_size,
            task=self.model.task,
            cost=self.cost or self.model.cost,
            layout=self.layout,
            num_weight_sets=self.program.method.num_weight_sets,
            sampling_passes=sampling_passes(self.model),
        )


def sampling_passes(model: Model) -> int:
    """Forward passes that drawing a sequence takes.

    A model without a cache reads the whole sequence again for every label.
    """
    return 1 if isinstance(model, Decoder) else model.task.label_tokens
