"""Isolation of sinks: each in a thread with a queue, which training never waits for."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from epiplexity_jax.base.files import reason
from epiplexity_jax.trackers.spec import Sink

Job = Callable[[Sink], None]

_ROOM = 10_000  # records that may wait
_PATIENCE = 60.0  # seconds for one record


class Worker:
    """Runs jobs on a sink in a daemon thread; an error, a delay or a hang of the sink stays there.

    Executors of the standard library join their threads at exit, which a sink that hangs prevents.

    Args:
        name: the sink's name in messages.
        sink: the sink.
        store: the store's folder, which the sink starts with.
    """

    def __init__(self, name: str, sink: Sink, store: Path):
        self.name, self._sink = name, sink
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._dropped = 0
        self._busy_since = 0.0  # start of the job at hand; 0: no job
        self._failure: str | None = None
        self._gone = False  # given up, and a message said so
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self.give(lambda sink: sink.start(store))
        self._thread.start()

    def give(self, job: Job) -> None:
        """Queue a job; drop it where the sink is given up or too far behind."""
        if self._gone or self._failure is not None:
            return
        if self._jobs.qsize() < _ROOM:
            self._jobs.put(job)
        else:
            self._dropped += 1

    def complaint(self) -> str | None:
        """Return, once, the message that the sink was given up and why."""
        why, since = self._failure, self._busy_since
        if why is None and since and (waited := time.monotonic() - since) > _PATIENCE:
            why = f"no answer for {waited:.0f} s"
        if self._gone or why is None:
            return None
        self._leave()
        return f"tracker {self.name}: given up, {why}"

    def let_end(self) -> None:
        """Queue the end of the sink."""
        self._jobs.put(None)

    def wait(self, deadline: float) -> list[str]:
        """Wait for the sink's end until a time of `time.monotonic`; return the last messages."""
        if not self._gone:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        messages = [complaint] if (complaint := self.complaint()) else []
        if self._thread.is_alive() and not self._gone:
            self._dropped += self._leave()
            messages.append(f"tracker {self.name}: still busy, and not waited for")
        if self._dropped:
            messages.append(f"tracker {self.name}: too slow, {self._dropped} records are left out")
        return messages

    def _leave(self) -> int:
        """Drop the jobs that have not begun, and return their number."""
        self._gone, records = True, 0
        with contextlib.suppress(queue.Empty):
            while True:
                records += self._jobs.get_nowait() is not None
        self._jobs.put(None)  # ends a thread that waits for a job
        return records

    def _work(self) -> None:
        try:
            while not self._gone and (job := self._jobs.get()) is not None:
                self._do(job)
            if not self._gone:
                self._do(lambda sink: sink.close())
        except BaseException as error:  # noqa: BLE001 - no sink may stop a run
            why = str(error) or type(error).__name__
            if isinstance(error, OSError):
                why = f"{error.filename}: {reason(error)}" if error.filename else reason(error)
            self._failure = " ".join(why.split())

    def _do(self, job: Job) -> None:
        self._busy_since = time.monotonic()
        job(self._sink)
        self._busy_since = 0.0
