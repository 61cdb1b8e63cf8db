"""The hook that decides when a cohort in training is checkpointed."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from epiplexity_jax.engine.recorder import RecorderState


class Interrupted(KeyboardInterrupt):
    """The user or the machine asked for an end; what was trained is kept if possible."""


@runtime_checkable
class CheckpointHook(Protocol):
    """Decides when a cohort in training is checkpointed, and writes the checkpoint."""

    def due(self) -> bool:
        """Return True if a checkpoint is due; asked every few seconds."""
        ...

    def keep(self, iteration: int, states: Any, records: Sequence[RecorderState]) -> None:
        """Write a checkpoint.

        Args:
            iteration: number of iterations that all members have done.
            states: the members' states, arrays on the devices.
            records: what each member has recorded so far.

        Raises:
            Interrupted: when training is to end here.
        """
        ...
