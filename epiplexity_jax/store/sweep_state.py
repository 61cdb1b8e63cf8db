"""State of a sweep that trains into a store: one small file, for whoever watches."""

import contextlib
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from epiplexity_jax.base.files import read_if_there

FILE = "progress.json"


class SweepStatus(StrEnum):
    """Work of a sweep, or the way in which it ended."""

    TRAINING = "training"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class SweepState:
    """State of a sweep; times are seconds since the epoch.

    Attributes:
        status: what it does, or how it ended; of a process that was killed still "training".
        message: why it failed; empty else.
        process: number of its process; host: name of the machine; process_started: when that
            process began, as the system counts; empty where it does not say.
        started: when it began; updated: when this was written.
        runs: number of runs of the sweep or the round of tuning; done: of them finished.
        member_steps: steps of all members to train; steps_done: of them trained.
        tokens: newly trained, in earlier rounds too.
        seconds_left: at the rate so far; None where it is not known.
        losses: the latest of some runs, nats per label token, by name.
        messages: the last sentences to the user.
        command: the words of its command line; empty of a Python program.
    """

    status: SweepStatus
    message: str = ""
    process: int
    host: str
    process_started: str = ""
    started: float
    updated: float
    runs: int = 0
    done: int = 0
    member_steps: int = 0
    steps_done: int = 0
    tokens: int = 0
    seconds_left: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    messages: Sequence[str] = ()
    command: Sequence[str] = ()

    @property
    def is_lost(self) -> bool:
        """True of a sweep of this machine that ended without a word, as a killed one does."""
        if self.status != SweepStatus.TRAINING or self.host != socket.gethostname():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:  # another user's
            pass
        # The number may be another process's by now.
        return bool(self.process_started) and self.process_started != process_started(self.process)


def process_started(process: int) -> str:
    """Return when a process began, as the system counts it; empty where it is over or not said."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    found = stat.rpartition(")")[2].split()  # behind a name that may hold spaces
    return "" if found[0] == "Z" else found[19]  # nobody has asked yet how a zombie ended


def write_state(folder: Path, state: SweepState) -> None:
    """Write a state into a store; a disk that refuses is passed over, as the runs matter more."""
    partial = folder / f".{FILE}.{os.getpid()}.tmp"
    with contextlib.suppress(OSError):  # nor is it worth waiting for the disk
        try:
            partial.write_text(json.dumps(asdict(state)), encoding="utf-8")
            os.replace(partial, folder / FILE)
        finally:
            partial.unlink(missing_ok=True)


def read_state(folder: Path) -> SweepState | None:
    """Read the state of the sweep that trains into a store, or did; None without one.

    Raises:
        StoreError: when it cannot be read.
    """
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        found: Any = json.loads(read_if_there(folder / FILE) or b"null")
        if isinstance(found, dict):
            known = {one.name for one in fields(SweepState)}
            values: Any = {name: value for name, value in found.items() if name in known}
            return SweepState(**values | {"status": SweepStatus(values["status"])})
    return None
