"""Protocol of a sweep's progress, which a display receives."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Receives a sweep's progress; calls come from one thread, a few a second."""

    def start(self, runs: int, finished: int, member_steps: int) -> None:
        """Begin a sweep, or a round of tuning before it: what was counted before is done.

        Args:
            runs: number of runs of the sweep or the round.
            finished: runs that an earlier start finished.
            member_steps: number of member-steps to train.
        """

    def advance(self, member_steps: int, tokens: int, losses: Mapping[str, float]) -> None:
        """Add what was newly trained.

        Args:
            member_steps: newly trained.
            tokens: newly trained.
            losses: the latest of each run, nats per label token.
        """

    def run_done(self, row: Mapping[str, Any]) -> None:
        """Note a run that was committed to the store."""

    def message(self, text: str) -> None:
        """Show a message to the user: a run ended early, an old state was damaged."""

    def close(self) -> None:
        """End; nothing more is called."""


class Silent(Progress):
    """Progress that shows nothing."""
