"""Checkpoints of waves in training: `checkpoints/wave-<hash>/<iteration>/` in the store."""

import contextlib
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax

from epiplexity_jax.base.digest import bytes_digest
from epiplexity_jax.base.files import names_in, reason
from epiplexity_jax.checkpoints.cohort_snapshot import CohortCheckpoint, load_cohort, save_cohort
from epiplexity_jax.checkpoints.options import CheckpointOptions
from epiplexity_jax.checkpoints.state_files import is_torn, iterations
from epiplexity_jax.engine.blocks import BlockColumns
from epiplexity_jax.engine.checkpoint_hook import CheckpointHook, Interrupted
from epiplexity_jax.engine.recorder import History, RecorderState
from epiplexity_jax.runtime.processes import all_gather_ints, fetch_global, is_main_process

CHECKPOINTS = "checkpoints"  # of a store
_WAVE = "wave-"


class Restored(NamedTuple):
    """The place where a run was checkpointed."""

    iteration: int  # that it has behind it
    state: Any  # host arrays
    record: RecorderState | History  # a history is of a shorter run that it continues
    seconds: float  # that it had taken
    blocks: BlockColumns | None = None  # of the shorter run, where it has them


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a store.

    Attributes:
        folder: `checkpoints` of the store; None where it cannot be seen, and nothing is kept.
        options: how often, how many.
        held: returns whether the store is still that of the process which this one trains for.
    """

    folder: Path | None
    options: CheckpointOptions
    held: Callable[[], bool] = lambda: True

    def find(
        self, wanted: Collection[str], like: Callable[[str], Any]
    ) -> tuple[dict[str, Restored], list[str]]:
        """Find the latest whole checkpoint of every wanted run that has one.

        `like` maps the id of one to a pytree of the shapes and dtypes of its state.

        Returns:
            What was found, by run id, and a sentence on each damaged checkpoint.
        """
        damaged: list[str] = []
        found: dict[str, Restored] = {}
        for wave in self._waves():
            for run_id, one in _latest(wave, wanted, like, damaged).items():
                if run_id not in found or found[run_id].iteration < one.iteration:
                    found[run_id] = one
        return found, damaged

    def find_wave(
        self, run_ids: Sequence[str], like: Callable[[str], Any]
    ) -> tuple[dict[str, Restored], list[str]]:
        """Find the same of one wave, whose runs are named in order; others may be in training."""
        damaged: list[str] = []
        wave = self.wave(run_ids)
        return _latest(wave, run_ids, like, damaged) if wave else {}, damaged

    def done(self, run_ids: Sequence[str]) -> None:
        """Remove the checkpoints of a wave whose runs are finished; others may be in training."""
        if is_main_process() and (wave := self.wave(run_ids)):
            shutil.rmtree(wave, ignore_errors=True)

    def forget(self, finished: Collection[str]) -> None:
        """Remove checkpoints of waves all of whose runs are finished; no wave is in training."""
        for wave in self._waves() if is_main_process() else ():
            every = (load_cohort(wave, number, lambda _: None) for number in iterations(wave))
            if all(set(one.run_ids) <= set(finished) for one in every if one is not None):
                shutil.rmtree(wave, ignore_errors=True)

    def wave(self, run_ids: Sequence[str]) -> Path | None:
        """Return the folder of a wave's checkpoints."""
        return None if self.folder is None else self.folder / f"{_WAVE}{bytes_digest(run_ids)}"

    def _waves(self) -> list[Path]:
        if self.folder is None:
            return []
        return [self.folder / name for name in names_in(self.folder) if name.startswith(_WAVE)]


class WaveCheckpointHook(CheckpointHook):
    """Checkpoints a wave every few minutes, in a thread while the devices go on.

    Args:
        checkpoints: the store's checkpoints.
        run_ids: ids of the wave's members.
        seconds: time that the wave has taken before.
        stopping: returns whether training is to end as soon as the wave is kept.
        say: called with a sentence on a checkpoint that could not be written.
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
        self._kept_at, self._ending = time.monotonic(), False
        self._began = self._kept_at - seconds
        self._pool = ThreadPoolExecutor(1, "checkpoints")
        self._writing: Future[str] | None = None

    @property
    def seconds(self) -> float:
        """Seconds that the wave has taken so far, before this start too."""
        return time.monotonic() - self._began

    def due(self) -> bool:
        """See `CheckpointHook`."""
        late = time.monotonic() - self._kept_at > 60.0 * self.options.minutes
        idle = self._writing is None or self._writing.done()
        flags = all_gather_ints([self.stopping(), late and idle and self.folder is not None])
        self._ending = bool(flags[:, 0].any())
        return self._ending or bool(flags[0, 1])  # by the clock of the main process, which writes

    def keep(self, iteration: int, states: Any, records: Sequence[RecorderState]) -> None:
        """See `CheckpointHook`."""
        if self.folder is None or not self.held():
            raise Interrupted
        real = len(self.run_ids)  # the others are padding
        host = jax.tree.map(lambda leaf: leaf[:real], fetch_global(states))
        cohort = CohortCheckpoint(iteration, self.run_ids, host, tuple(records), self.seconds)
        self.wait()
        self._kept_at = time.monotonic()
        if is_main_process():
            self._writing = self._pool.submit(self._write, self.folder, cohort)
        if self._ending:
            self.wait()
            raise Interrupted

    def close(self) -> None:
        """Wait as `wait` does, and end the thread."""
        self.wait()
        self._pool.shutdown()

    def wait(self) -> None:
        """Wait for what is being written, and say what went wrong."""
        if self._writing is not None and (failed := self._writing.result()):
            self.say(failed)
        self._writing = None

    def _write(self, wave: Path, cohort: CohortCheckpoint) -> str:
        """Write a checkpoint and return a sentence on what went wrong, or an empty one."""
        try:
            save_cohort(wave, cohort, self.options.keep)
        except OSError as error:
            folder = wave / str(cohort.iteration)
            return f"{folder}: the checkpoint cannot be written: {reason(error)}"
        return ""


def _latest(
    wave: Path, wanted: Collection[str], like: Callable[[str], Any], damaged: list[str]
) -> dict[str, Restored]:
    """Find the latest whole checkpoint of a wave, by wanted run; add a sentence a damaged one."""

    def shapes(run_ids: tuple[str, ...]) -> Any:
        runs = set(wanted) & set(run_ids)
        return like(min(runs)) if runs else None

    for number in iterations(wave):
        folder = wave / str(number)
        if is_torn(folder):
            if is_main_process():
                shutil.rmtree(folder, ignore_errors=True)
            continue
        cohort = load_cohort(wave, number, shapes)
        if cohort is not None:  # without states: of runs that are finished or not wanted now
            runs = set(wanted) & set(cohort.run_ids)
            return {run_id: _member(cohort, run_id) for run_id in runs}
        damaged.append(f"{folder}: the checkpoint is damaged; going back before it")
        if is_main_process():  # under its own name Orbax would go on to list and to count it
            aside = folder.with_name(f"{folder.name}-damaged")
            shutil.rmtree(aside, ignore_errors=True)
            with contextlib.suppress(OSError):
                folder.rename(aside)
    return {}


def _member(cohort: CohortCheckpoint, run_id: str) -> Restored:
    at = cohort.run_ids.index(run_id)
    state = jax.tree.map(lambda leaf: leaf[at], cohort.states)
    share = cohort.seconds / len(cohort.run_ids)
    return Restored(cohort.iteration, state, cohort.records[at], share)
