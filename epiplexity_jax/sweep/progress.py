"""What the runner tells whoever is watching."""

from collections.abc import Mapping
from typing import Any, Protocol


class Progress(Protocol):
    """Receives a sweep's progress; calls come from one thread, a few a second."""

    def start(self, runs: int, finished: int, member_steps: int) -> None:
        """The sweep has `runs` runs, `finished` of them from before; member-steps are to come."""
        ...

    def advance(self, member_steps: int, tokens: int, losses: Mapping[str, float]) -> None:
        """Member-steps and tokens newly trained; latest losses in nats per label token, by run."""
        ...

    def run_done(self, row: Mapping[str, Any]) -> None:
        """A run was committed to the store."""
        ...

    def message(self, text: str) -> None:
        """A sentence for the user: a run ended early, an old state was damaged."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


class Silent:
    """Tells nobody."""

    def start(self, runs: int, finished: int, member_steps: int) -> None:
        """Nothing."""

    def advance(self, member_steps: int, tokens: int, losses: Mapping[str, float]) -> None:
        """Nothing."""

    def run_done(self, row: Mapping[str, Any]) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
