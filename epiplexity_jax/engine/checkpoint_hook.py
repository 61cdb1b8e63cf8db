"""The hook that decides when a cohort in training is checkpointed."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from epiplexity_jax.engine.recorder import RecorderState


class Interrupted(KeyboardInterrupt):
    """The user or the machine wants an end; what was trained is kept if it could be."""


@runtime_checkable
class CheckpointHook(Protocol):
    """Decides when a cohort in training is checkpointed, and writes the checkpoint."""

    def due(self) -> bool:
        """Return True if a checkpoint is due; asked every few seconds."""
        ...

    def keep(self, iteration: int, states: Any, records: Sequence[RecorderState]) -> None:
        """Write a checkpoint.

        Args:
            iteration: that all members have behind them.
            states: of the members, device arrays.
            records: of the members.

        Raises:
            Interrupted: when training is to end here.
        """
        ...
