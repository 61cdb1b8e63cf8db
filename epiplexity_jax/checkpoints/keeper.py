"""Snapshots of waves in training: `checkpoints/wave-<hash>/<iteration>/` in the store."""

import contextlib
import hashlib
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax

from epiplexity_jax.base.files import names_in, reason
from epiplexity_jax.checkpoints.cohort_snapshot import (
    CohortCheckpoint,
    load_records,
    load_snapshot,
    save_snapshot,
    unfinished,
)
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.engine.recorder import History, RecorderState
from epiplexity_jax.runtime.processes import all_gather_ints, fetch_global, is_main_process
from epiplexity_jax.sweep.config import CheckpointOptions

CHECKPOINTS = "checkpoints"  # of a store
_WAVE = "wave-"


class Restored(NamedTuple):
    """Where a run was when it was last kept.

    Attributes:
        iteration: that it has behind it.
        state: host arrays.
        record: what it had recorded, or the history of a shorter run that it continues.
        seconds: that it had taken.
    """

    iteration: int
    state: Any
    record: RecorderState | History
    seconds: float


class Checkpoints:
    """The snapshots of a store.

    Attributes:
        folder: `checkpoints` of the store; None where it cannot be seen, and nothing is kept.
        options: how often, how many.
        held: whether the store is still that of the process which this one trains for.
    """

    def __init__(
        self,
        folder: Path | None,
        options: CheckpointOptions,
        held: Callable[[], bool] = lambda: True,
    ):
        self.folder, self.options, self.held = folder, options, held

    def find(
        self, wanted: Collection[str], like: Callable[[str], Any]
    ) -> tuple[dict[str, Restored], list[str]]:
        """The latest whole snapshot of every run that has one, and a sentence on each damaged one.

        Args:
            wanted: ids of the runs.
            like: a wanted run's id to a pytree of the shapes and types of its state.
        """
        found: dict[str, Restored] = {}
        damaged: list[str] = []
        for wave in self._waves():
            for run_id, one in _latest(wave, wanted, like, damaged).items():
                if run_id not in found or found[run_id].iteration < one.iteration:
                    found[run_id] = one
        return found, damaged

    def find_wave(
        self, run_ids: Sequence[str], like: Callable[[str], Any]
    ) -> tuple[dict[str, Restored], list[str]]:
        """The same of one wave, whose runs are named in order; others may be in training."""
        damaged: list[str] = []
        wave = self.wave(run_ids)
        return ({} if wave is None else _latest(wave, run_ids, like, damaged)), damaged

    def done(self, run_ids: Sequence[str]) -> None:
        """Remove the snapshots of a wave whose runs are finished; others may be in training."""
        wave = self.wave(run_ids)
        if is_main_process() and wave is not None:
            shutil.rmtree(wave, ignore_errors=True)

    def forget(self, finished: Collection[str]) -> None:
        """Remove the snapshots of waves all of whose runs are finished; no wave is in training."""
        if not is_main_process():
            return
        for wave in self._waves():
            whole = [r for f in _latest_first(wave) if (r := load_records(f)) is not None]
            if all(set(records.run_ids) <= set(finished) for records in whole):
                shutil.rmtree(wave, ignore_errors=True)

    @contextlib.contextmanager
    def keeping(
        self,
        run_ids: Sequence[str],
        seconds: float,
        stopping: Callable[[], bool],
        say: Callable[[str], None],
    ) -> Iterator["WaveCheckpointHook"]:
        """Keep a wave while it trains.

        Args:
            run_ids: of its members.
            seconds: that it has taken before.
            stopping: whether training is to end as soon as it is kept.
            say: told in a sentence what could not be written.
        """
        keeper = WaveCheckpointHook(self, tuple(run_ids), seconds, stopping, say)
        try:
            yield keeper
        finally:
            keeper.close()

    def wave(self, run_ids: Sequence[str]) -> Path | None:
        """The folder of a wave's snapshots."""
        name = hashlib.sha256("".join(run_ids).encode()).hexdigest()[:16]
        return None if self.folder is None else self.folder / f"{_WAVE}{name}"

    def _waves(self) -> list[Path]:
        if self.folder is None:
            return []
        return [self.folder / name for name in names_in(self.folder) if name.startswith(_WAVE)]


class WaveCheckpointHook:
    """Keeps a wave every few minutes, written by a thread while the devices go on.

    Args:
        checkpoints: the store's.
        run_ids: of the wave's members, without padding.
        seconds: that it has taken before.
        stopping: whether training is to end as soon as it is kept.
        say: told in a sentence what could not be written.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        run_ids: tuple[str, ...],
        seconds: float,
        stopping: Callable[[], bool],
        say: Callable[[str], None],
    ):
        self.folder = checkpoints.wave(run_ids)
        self.options, self.held = checkpoints.options, checkpoints.held
        self.run_ids, self.stopping, self.say = run_ids, stopping, say
        self._before, self._began = seconds, time.monotonic()
        self._kept_at, self._ending = self._began, False
        self._pool = ThreadPoolExecutor(1, "checkpoints")
        self._writing: Future[str] | None = None

    @property
    def seconds(self) -> float:
        """That the wave has taken so far, before this start too."""
        return self._before + time.monotonic() - self._began

    def due(self) -> bool:
        """See `snapshot.CheckpointHook`."""
        late = time.monotonic() - self._kept_at > 60.0 * self.options.minutes
        late &= self.folder is not None
        busy = self._writing is not None and not self._writing.done()
        said = all_gather_ints([self.stopping(), late and not busy])
        self._ending = bool(said[:, 0].any())
        return self._ending or bool(said[0, 1])  # the leader's clock, as it writes

    def keep(self, iteration: int, states: Any, records: Sequence[RecorderState]) -> None:
        """See `snapshot.CheckpointHook`."""
        if self.folder is None or not self.held():
            raise Interrupted
        real = len(self.run_ids)  # the others are padding
        host = jax.tree.map(lambda leaf: leaf[:real], fetch_global(states))
        snapshot = CohortCheckpoint(iteration, self.run_ids, host, tuple(records), self.seconds)
        self.wait()
        self._kept_at = time.monotonic()
        if is_main_process():
            self._writing = self._pool.submit(self._write, self.folder, snapshot)
        if self._ending:
            self.wait()
            raise Interrupted

    def close(self) -> None:
        """Wait for what is being written."""
        self.wait()
        self._pool.shutdown()

    def wait(self) -> None:
        """Wait for what is being written, and say what went wrong."""
        if self._writing is not None and (failed := self._writing.result()):
            self.say(failed)
        self._writing = None

    def _write(self, wave: Path, snapshot: CohortCheckpoint) -> str:
        """Write a snapshot and remove the oldest: what went wrong, or nothing."""
        folder = wave / str(snapshot.iteration)
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            save_snapshot(folder, snapshot)
            for old in _latest_first(wave)[self.options.keep :]:
                shutil.rmtree(old)
        except OSError as error:
            return f"{folder}: the checkpoint cannot be written: {reason(error)}"
        return ""


def _latest(
    wave: Path, wanted: Collection[str], like: Callable[[str], Any], damaged: list[str]
) -> dict[str, Restored]:
    """The latest whole snapshot of a wave, by wanted run; damaged ones are said."""
    for folder in _latest_first(wave):
        if unfinished(folder):
            if is_main_process():
                shutil.rmtree(folder, ignore_errors=True)
            continue
        records = load_records(folder)
        runs = set(wanted) & set(records.run_ids if records else ())
        if records and not runs:
            break  # of runs that are finished, or that nobody asks for now
        snapshot = load_snapshot(folder, like(min(runs))) if records else None
        if snapshot is not None:
            return {run_id: _one(snapshot, run_id) for run_id in runs}
        damaged.append(f"{folder}: the checkpoint is damaged; going back before it")
        if is_main_process():
            _set_aside(folder)
    return {}


def _set_aside(folder: Path) -> None:
    """Let a damaged snapshot count no longer, as the latest or as one of those that stay."""
    aside = folder.with_name(f"{folder.name}-damaged")
    shutil.rmtree(aside, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.rename(aside)


def _latest_first(wave: Path) -> list[Path]:
    """The folders of a wave's snapshots, whole or not."""
    numbers = [int(name) for name in names_in(wave) if name.isdecimal()]
    return [wave / str(number) for number in sorted(numbers, reverse=True)]


def _one(snapshot: CohortCheckpoint, run_id: str) -> Restored:
    at = snapshot.run_ids.index(run_id)
    state = jax.tree.map(lambda leaf: leaf[at], snapshot.states)
    share = snapshot.seconds / len(snapshot.run_ids)
    return Restored(snapshot.iteration, state, snapshot.records[at], share)
