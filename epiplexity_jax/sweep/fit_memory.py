"""Microbatches that fit a device: smaller microbatches first, then rematerialisation.

The choice is a function of the plan and of the hardware, so that a resumed sweep goes on as it
began. It is layout and no part of a run's identity (docs/decisions/0013-cut-to-fit.md).
"""

import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.human import memory
from epiplexity_jax.engine.microbatch import divisors
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.families.spec import Rematerialisable, Size
from epiplexity_jax.resources.device_memory import PerDeviceShapes, device_bytes
from epiplexity_jax.sweep.config import Training
from epiplexity_jax.sweep.hardware import USABLE, DeviceLayout, Hardware
from epiplexity_jax.sweep.run_spec import DeviceRun, Resize

_MOST_DEVICES = 4096  # that a refusal asks for


class MemoryFit(NamedTuple):
    """Cut of a member.

    Attributes:
        microbatch: sequences whose gradient a device takes at once.
        remat: whether activations inside of blocks are computed again for the backward pass.
        scored: the most sequences scored at once, where the batch had to be cut; else None.
        memory_bytes: estimated use of each device; None where its memory is not known.
    """

    microbatch: int
    remat: bool
    scored: int | None
    memory_bytes: int | None


# Sequences whose gradient is taken at once, and the most that are scored at once; None: all.
_Cut = tuple[int, int | None]


@dataclass(frozen=True)
class MemoryPlanner:
    """Cuts the runs of one sweep for one kind of hardware.

    Attributes:
        options: the config's training options: microbatch, rematerialisation, use of devices.
        runs: all of the sweep, by id.
        resize: makes a run of another size.
    """

    hardware: Hardware
    options: Training
    runs: Mapping[str, DeviceRun]
    resize: Resize

    def largest_fit(self, run: DeviceRun, layout: DeviceLayout) -> MemoryFit | None:
        """Find the largest microbatch with which a member fits; None where nothing does.

        Raises:
            ConfigError: when the config asks for rematerialisation where it is impossible.
        """
        ways = self._ways(run)
        if self.hardware.memory_bytes is None:
            return MemoryFit(run.microbatch, ways[0], None, None)
        if self._state_bytes(run, layout) > self.hardware.usable_bytes:
            return None
        fits = (self._largest_cut(run, layout, remat) for remat in ways)
        return next((fit for fit in fits if fit is not None), None)

    def does_not_fit_error(self, run: DeviceRun, layout: DeviceLayout) -> ConfigError:
        """Say in one line what a run needs, what there is, and what would fit."""
        hardware = self.hardware
        assert hardware.memory_bytes is not None
        smallest = min(self._cuts(run, layout)[0][0], run.batch_size // layout.data)
        ways = [f"microbatches of {smallest}"]
        if self._ways(run)[-1]:
            ways.append("rematerialisation")
        if layout.shard_state:
            ways.append(f"a state that {layout.data} devices share")
        listed = " and ".join(filter(None, [", ".join(ways[:-1]), ways[-1]]))
        found = []
        if size := self._smaller_size(run, layout):
            found.append(f"{size} would fit")
        if devices := self._more_devices(run, layout):
            found.append(f"{devices} devices would do")
        return ConfigError(
            f"family: {run.size} needs {memory(self._least(run, layout))} on each device, with "
            f"{listed}, and the {hardware.count} devices have {memory(hardware.memory_bytes)} "
            f"each, of which {USABLE:.0%} may be used; "
            f"{', or '.join(found) or 'take smaller models'}"
        )

    def _largest_cut(self, run: DeviceRun, layout: DeviceLayout, remat: bool) -> MemoryFit | None:
        cuts = self._cuts(run, layout)

        def too_large(cut: _Cut) -> bool:
            return self._bytes(run, layout, cut, remat) > self.hardware.usable_bytes

        best = len(cuts) - 1
        if too_large(cuts[best]):
            if too_large(cuts[0]):
                return None
            best = bisect.bisect(cuts, False, 1, best, key=too_large) - 1  # each asks for a trace
        microbatch, scored = cuts[best]
        return MemoryFit(microbatch, remat, scored, self._bytes(run, layout, cuts[best], remat))

    def _ways(self, run: DeviceRun) -> tuple[bool, ...]:
        """Return values of rematerialisation, in the order to try."""
        asked = self.options.rematerialise
        offered = isinstance(run.program.model, Rematerialisable)
        if asked and not offered:
            raise ConfigError(
                "training.rematerialise: the engine cannot recompute activations inside of a "
                f"user's model, {run.size}; leave it out, and use jax.checkpoint in the model"
            )
        if asked and self.hardware.on_cpu:
            raise ConfigError(
                "training.rematerialise: XLA undoes it on CPUs, which hold no less memory; leave "
                "it out"
            )
        if asked is not None:
            return (asked,)
        return (False, True) if offered and not self.hardware.on_cpu else (False,)

    def _cuts(self, run: DeviceRun, layout: DeviceLayout) -> list[_Cut]:
        """List cuts, smallest first: the last is the config's, the one before scores less."""
        wish = run.microbatch
        smaller = [n for n in divisors(run.batch_size // layout.data) if n < wish]
        if self.options.microbatch is not None:
            smaller = []
        return [*((n, n) for n in (*smaller, wish)), (wish, None)]

    def _bytes(self, run: DeviceRun, layout: DeviceLayout, cut: _Cut, remat: bool) -> int:
        """Estimate what each device holds for members that are cut so."""
        part, program = run.batch_size // layout.data, run.program
        model: Any = program.model
        program = program._replace(
            model=model.rematerialised() if remat else model,
            microbatch=max(n for n in divisors(part) if n <= cut[0]),
            scored=cut[1],
        )
        stream, heldout = run.dataset.stream(run.seed, run.batch_size), run.dataset.layout
        size = heldout.eval_batch_size
        size = size // layout.data if size % layout.data == 0 else size
        shapes = PerDeviceShapes(
            members=layout.members,
            chunk=stream.like(stream.chunk_steps, part),
            eval_batch=stream.like(size),
            eval_batches=min(2, heldout.eval_batches),  # the first, and the one that is scored
            state_devices=layout.state_devices,
        )
        # Devices that share a batch each do what one alone would with its part.
        own = self.hardware.devices if layout.data == 1 else self.hardware.devices[:1]
        mesh = member_mesh(own or jax.devices()[:1])
        return device_bytes(program, shapes, mesh)

    def _state_bytes(self, run: DeviceRun, layout: DeviceLayout) -> int:
        return layout.members * run.state_bytes // layout.state_devices

    def _least(self, run: DeviceRun, layout: DeviceLayout) -> int:
        """Memory of a run where all is done to fit it; of a state too large, the state alone."""
        alone = self._state_bytes(run, layout)
        if alone > self.hardware.usable_bytes:
            return alone
        return self._bytes(run, layout, self._cuts(run, layout)[0], self._ways(run)[-1])

    def _smaller_size(self, run: DeviceRun, layout: DeviceLayout) -> Size | None:
        """Find a size that would fit: another of the sweep, or else a part of the width."""
        others = {other.size: other.cost.params for other in self.runs.values()}
        sizes = sorted(others, key=lambda size: -others[size])
        width = run.size.get("width")
        if width is not None:
            halves = (width >> n for n in range(1, width.bit_length()))
            widths = (half - half % min(half, 32) for half in halves)  # whole heads of 32
            sizes += [Size.of(**{**run.size.axes, "width": each}) for each in widths]
        return next((size for size in sizes if self._would_fit(run, size, layout)), None)

    def _would_fit(self, run: DeviceRun, size: Size, layout: DeviceLayout) -> bool:
        """Return whether a size needs less memory, and little enough, and the family builds it."""
        try:
            other = self.resize(run, size)
            smaller = other.cost.params < run.cost.params
            return smaller and self._least(other, layout) <= self.hardware.usable_bytes
        except Exception:  # noqa: BLE001 - whatever a user's family raises
            return False

    def _more_devices(self, run: DeviceRun, layout: DeviceLayout) -> int | None:
        """Find the fewest devices with which the run would fit."""
        options = self.options
        if options.shard_state is False or options.data_devices or self.hardware.on_cpu:
            return None  # more cores have no more memory together
        devices = 2 * self.hardware.count
        while devices <= min(run.batch_size, _MOST_DEVICES):
            more = layout._replace(data=devices, shard_state=True)
            even = run.batch_size % devices == 0
            if even and self._least(run, more) <= self.hardware.usable_bytes:
                return devices
            devices *= 2
        return None
