"""What the tasks of a cluster and the process that started them tell each other."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Update(NamedTuple):
    """What a board has heard since it was last asked.

    Attributes:
        done: member-steps and tokens of every wave so far, and its latest losses by run.
        said: sentences for the user.
    """

    done: Mapping[int, tuple[int, int, Mapping[str, float]]]
    said: Sequence[str]


class ProgressActor:
    """An actor beside the starting process, with which it ends."""

    def __init__(self) -> None:
        self._attempts: dict[int, int] = {}
        self._training: set[int] = set()
        self._done: dict[int, tuple[int, int, Mapping[str, float]]] = {}
        self._said: list[str] = []
        self._stopping = False

    def begin(self, wave: int) -> int:
        """A task is about to train a wave: the number of this attempt, 0 when it should not."""
        if self._stopping:
            return 0
        self._training.add(wave)
        self._attempts[wave] = self._attempts.get(wave, 0) + 1
        return self._attempts[wave]

    def tell(self, wave: int, steps: int, tokens: int, losses: Mapping[str, float]) -> bool:
        """How far a task is, counted from the first attempt's start; whether it should end."""
        self._done[wave] = (steps, tokens, losses)
        return self._stopping

    def say(self, text: str) -> None:
        """A sentence for the user."""
        self._said.append(text)

    def stop(self) -> set[int]:
        """Ask all tasks to end: the waves that had begun."""
        self._stopping = True
        return self._training

    def news(self) -> Update:
        """What is new."""
        news = Update(self._done, self._said)
        self._done, self._said = {}, []
        return news
