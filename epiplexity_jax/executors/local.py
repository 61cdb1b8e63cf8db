"""Train waves one after the other, on devices that all processes of a sweep share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from epiplexity_jax.checkpoints.keeper import CHECKPOINTS, Checkpoints
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.runtime.devices import describe_devices
from epiplexity_jax.runtime.processes import all_gather_ints, is_multiprocess
from epiplexity_jax.sweep.executor import SweepContext
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.wave import FinishedRun, Wave, WaveContext


@dataclass(frozen=True)
class Local:
    """The executor of this process and those that it has joined (see `sweep.executor.Executor`)."""

    own: Sequence[Any]  # started devices, of all processes

    @property
    def hardware(self) -> Hardware:
        """See `Executor`."""
        return Hardware.of(self.own, alone=not is_multiprocess())

    @property
    def devices(self) -> str:
        """Number and kind of the devices."""
        return describe_devices(self.own)

    def train(self, context: SweepContext, waves: Sequence[Wave]) -> Iterator[list[FinishedRun]]:
        """See `Executor`."""
        plan, stop = context.plan, context.stop
        checkpoints = Checkpoints(context.store.path / CHECKPOINTS, plan.sweep.checkpoints)
        own = WaveContext(self.own, context.progress, stop, checkpoints, context.tracking)
        for wave in waves:
            yield plan.trainer.train(wave, own)
            if all_gather_ints([stop()]).any() if plan.trainer.on_device else stop():
                raise Interrupted
