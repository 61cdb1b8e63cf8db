"""Ctrl-C, SIGTERM and a closed terminal while training: end as soon as the work is kept."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """A request to end, made by a signal; a second signal ends at once."""

    def __init__(self) -> None:
        self.asked: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self.asked is not None

    @contextlib.contextmanager
    def postponed(self) -> Iterator[None]:
        """Note a signal here instead of obeying it, and obey it at the end.

        In another thread than the main one, and for signals that are ignored, nothing changes.
        """
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        try:
            yield
        finally:
            self._restore()
            if self.asked is not None:
                signal.raise_signal(self.asked)

    def _note(self, number: int, frame: Any) -> None:
        del frame
        self.asked = signal.Signals(number)
        self._restore()  # the next one ends at once

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
