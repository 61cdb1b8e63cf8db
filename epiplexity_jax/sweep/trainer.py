"""The trainer protocol: device families and count families, chosen once per sweep."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from epiplexity_jax.checkpoints.keeper import Checkpoints, Restored
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.wave import FinishedRun, Wave, WaveContext


class WaveTiming(NamedTuple):
    """Time and memory of a wave on these devices, from a few of its steps.

    Attributes:
        compile_seconds: time to compile its programs, once a cohort; less with a compilation cache.
        step_seconds: time of a step of all its members, drawing their data included.
        data_seconds: time to draw the data of a step.
        record_seconds: time to score an eval batch.
        record_batches: function from the steps of a run to those that its record points score.
        heldout_seconds: time to score the whole held-out set, at the end.
        rescore_seconds: time to score a step's batch again, where the end asks for it; else 0.
        memory_bytes: memory that each device holds in a step; None where it is not known.
    """

    compile_seconds: float
    step_seconds: float
    data_seconds: float
    record_seconds: float
    record_batches: Callable[[int], int]
    heldout_seconds: float
    rescore_seconds: float
    memory_bytes: int | None

    def wave_seconds(self, steps: int) -> float:
        """Return the seconds of a wave of so many steps, compiling left out."""
        each = self.step_seconds + self.rescore_seconds
        return steps * each + self.records_seconds(steps) + self.heldout_seconds

    def records_seconds(self, steps: int) -> float:
        """Return the seconds of all record points but the last."""
        return self.record_batches(steps) * self.record_seconds


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that a call takes, and its result."""
    began = time.monotonic()
    result = work()
    return time.monotonic() - began, result


@runtime_checkable
class Trainer(Protocol):
    """Trains the runs of one sweep."""

    @property
    def runs(self) -> Mapping[str, RunSpec]:
        """All runs of the sweep by id."""
        ...

    @property
    def on_device(self) -> bool:
        """True if all processes take part in a wave; counts are the main process's alone."""
        ...

    def restore(
        self, todo: Sequence[RunSpec], checkpoints: Checkpoints, store: Store
    ) -> tuple[dict[str, Restored], list[str]]:
        """Find the states that runs can go on from.

        Args:
            todo: runs that are not finished.
            checkpoints: checkpoints of waves that were in training.
            store: its shorter runs are continued.

        Returns:
            States by run id, and a message on each damaged one.
        """
        ...

    def restore_wave(self, wave: Wave, checkpoints: Checkpoints) -> tuple[Wave, list[str]]:
        """Go on where an earlier attempt at a wave stopped, if it got further than `wave.start`.

        Returns:
            The wave from there, and a message on each damaged checkpoint.
        """
        ...

    def waves(
        self, todo: Sequence[RunSpec], restored: Mapping[str, Restored], hardware: Hardware
    ) -> list[Wave]:
        """Divide runs into waves: those that have least to do first.

        Args:
            todo: runs that are not finished.
            restored: found by `restore`.
            hardware: the devices that a wave trains on.

        Raises:
            ConfigError: when a model fits no number of these devices.
        """
        ...

    def train(self, wave: Wave, context: WaveContext) -> list[FinishedRun]:
        """Train the runs of a wave to their end.

        Raises:
            Interrupted: when an end was asked for; a checkpoint was written where there can be one.
        """
        ...

    def time(self, wave: Wave, devices: Sequence[Any]) -> WaveTiming:
        """Run a few steps of a wave and throw them away."""
        ...
