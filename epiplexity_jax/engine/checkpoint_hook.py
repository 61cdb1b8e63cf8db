"""When a cohort in training is checkpointed."""

from collections.abc import Sequence
from typing import Any, Protocol

from epiplexity_jax.engine.recorder import RecorderState


class Interrupted(KeyboardInterrupt):
    """The user or the machine wants an end; what was trained is kept if it could be."""


class CheckpointHook(Protocol):
    """Decides when a cohort in training is kept, and keeps it."""

    def due(self) -> bool:
        """Whether to keep it now; asked between pieces of the loop, every few seconds."""
        ...

    def keep(self, iteration: int, states: Any, records: Sequence[RecorderState]) -> None:
        """Keep states (device arrays) and records as they are after an iteration.

        Raises:
            Interrupted: when training is to end here.
        """
        ...
