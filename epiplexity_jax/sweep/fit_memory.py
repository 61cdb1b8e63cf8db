"""How members are cut to fit a device: smaller slices of a batch first, then work done twice.

What is chosen is a function of the plan and of the machine, so that a sweep goes on as it began. It
is layout and no part of a run's name (docs/decisions/0013-cut-to-fit.md).
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.human import memory
from epiplexity_jax.engine.cohort_spec import block_steps
from epiplexity_jax.engine.microbatch import divisors
from epiplexity_jax.engine.programs import ProgramKey
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.families.spec import DeviceFamily, Rematerialisable, Size
from epiplexity_jax.resources.device_memory import PerDeviceShapes, device_bytes
from epiplexity_jax.runtime.devices import cpu_cores, host_memory
from epiplexity_jax.runtime.processes import all_gather_ints
from epiplexity_jax.sweep.config import Requential
from epiplexity_jax.sweep.plan import Plan, Run
from epiplexity_jax.sweep.run_model import method_of, model_of

USABLE = 0.8  # of a device's memory; what XLA allocates may be a fifth more than is estimated
# Arrays as large as the parameters: weights, their average, two moments, and a gradient.
_COPIES, _TAUGHT_COPIES = 5, 9
_MOST_DEVICES = 4096  # that a refusal asks for


@dataclass(frozen=True)
class Hardware:
    """What a sweep trains on.

    Attributes:
        devices: of all processes.
        on_cpu: whether they are cores.
        memory_bytes: of one device; None where it is not known.
        hardware: the devices themselves; programs are traced for any one where there are none.
    """

    devices: int
    on_cpu: bool
    memory_bytes: int | None = None
    hardware: tuple[Any, ...] = ()

    @classmethod
    def of(cls, devices: Sequence[Any], alone: bool = True) -> "Hardware":
        """What these devices are; of several processes' devices the smallest. All must ask.

        Args:
            devices: started.
            alone: whether this process has the cores of its host for itself.
        """
        on_cpu = devices[0].platform == "cpu"
        own = next(d for d in devices if d.process_index == jax.process_index())
        memory_bytes = (
            host_memory() // max(jax.local_device_count(), 1 if alone else cpu_cores())
            if on_cpu
            else (own.memory_stats() or {}).get("bytes_limit")
        )
        if memory_bytes is not None:
            memory_bytes = int(all_gather_ints([memory_bytes]).min())
        return cls(len(devices), on_cpu, memory_bytes, tuple(devices))

    @property
    def usable_bytes(self) -> float:
        """What may be planned with, of each device; infinite where it is not known."""
        return float("inf") if self.memory_bytes is None else USABLE * self.memory_bytes


class Share(NamedTuple):
    """What devices do together.

    Attributes:
        data: devices that share a member's batch.
        spreads: whether they share its state, too.
        members: that a group of them trains at once.
    """

    data: int = 1
    spreads: bool = False
    members: int = 1


class MemoryFit(NamedTuple):
    """How a member is cut.

    Attributes:
        microbatch: sequences whose gradient a device takes at once.
        rematerialises: whether what is inside of blocks is computed again for the backward pass.
        scored: the most sequences scored at once, where the batch had to be cut; else None.
        memory_bytes: what each device then holds, as estimated; None where it is not known what a
            device can hold.
    """

    microbatch: int
    rematerialises: bool
    scored: int | None
    memory_bytes: int | None

    def fits(self, machine: Hardware) -> bool:
        """Whether a device can hold it."""
        return self.memory_bytes is None or self.memory_bytes <= machine.usable_bytes


def state_bytes(plan: Plan, run: Run) -> int:
    """What a member's weights, averages, optimiser state and gradient take: the least it needs."""
    taught = isinstance(plan.sweep.estimator, Requential)
    return 4 * run.cost.params * (_TAUGHT_COPIES if taught else _COPIES)


def largest_fit(plan: Plan, run: Run, machine: Hardware, share: Share) -> MemoryFit | None:
    """The largest slices with which a member fits, work done twice only where one is too large.

    Raises:
        ConfigError: when the config asks for rematerialisation where there is none.
    """
    ways = _ways(plan, run, machine)
    if machine.memory_bytes is None:
        return MemoryFit(run.dataset.microbatch, ways[0], None, None)
    shared_by = share.data if share.spreads else 1
    if share.members * state_bytes(plan, run) / shared_by > machine.usable_bytes:
        return None
    for again in ways:
        cuts = _cuts(plan, run, share)
        whole = _cut(plan, run, machine, share, cuts[-1], again)
        if whole.fits(machine):
            return whole
        found, cuts = None, cuts[:-1]
        while cuts:  # the smallest first, then halving what is left: each asks for a trace
            middle = len(cuts) // 2 if found else 0
            tried = _cut(plan, run, machine, share, cuts[middle], again)
            if tried.fits(machine):
                found, cuts = tried, cuts[middle + 1 :]
            elif found is None:
                break
            else:
                cuts = cuts[:middle]
        if found is not None:
            return found
    return None


def does_not_fit_error(plan: Plan, run: Run, machine: Hardware, share: Share) -> ConfigError:
    """One line on a run that fits in no way: what it needs, what there is, what would fit."""
    needed = _least(plan, run, machine, share)
    assert machine.memory_bytes is not None
    part = plan.sweep.training.batch_size // share.data
    smallest = min(_cuts(plan, run, share)[0].microbatch, part)
    ways = [f"microbatches of {smallest}"]
    if _ways(plan, run, machine)[-1]:
        ways.append("rematerialisation")
    if share.spreads:
        ways.append(f"a state that {share.data} devices share")
    size = next(_smaller(plan, run, machine, share), None)
    devices = next(_more_devices(plan, run, machine, share), None)
    found = [f"{size} would fit"] * (size is not None)
    found += [f"{devices} devices would do"] * (devices is not None)
    return ConfigError(
        f"family: {run.size} needs {memory(needed)} on each device, with {_listed(ways)}, and the "
        f"{machine.devices} devices have {memory(machine.memory_bytes)} each, of which "
        f"{USABLE:.0%} may be used; {', or '.join(found) or 'take smaller models'}"
    )


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1])] * (len(words) > 1) + [words[-1]])


def _ways(plan: Plan, run: Run, machine: Hardware) -> tuple[bool, ...]:
    """Whether to compute the inside of blocks again, what is tried first first."""
    asked, offered = plan.sweep.training.rematerialise, _offers(plan, run)
    if asked and not offered:
        raise ConfigError(
            f"training.rematerialise: the blocks of {run.size} are not the engine's to compute "
            "again; leave it out, and use jax.checkpoint in the model"
        )
    if asked and machine.on_cpu:
        raise ConfigError(
            "training.rematerialise: XLA undoes it on CPUs, which hold no less memory; leave it out"
        )
    if asked is not None:
        return (asked,)
    return (False, True) if offered and not machine.on_cpu else (False,)


def _offers(plan: Plan, run: Run) -> bool:
    return isinstance(model_of(plan, run), Rematerialisable)


class _Cut(NamedTuple):
    """Sequences whose gradient is taken at once, and the most that are scored at once."""

    microbatch: int
    scored: int | None


def _cuts(plan: Plan, run: Run, share: Share) -> list[_Cut]:
    """What may be tried, small slices first: the last is the wish, that before scores no more."""
    training, wish = plan.sweep.training, run.dataset.microbatch
    part = training.batch_size // share.data
    smaller = [n for n in divisors(part) if n < wish]
    if training.microbatch is not None:
        smaller = []
    return [*(_Cut(n, n) for n in smaller), _Cut(wish, wish), _Cut(wish, None)]


def _cut(
    plan: Plan, run: Run, machine: Hardware, share: Share, cut: _Cut, again: bool
) -> MemoryFit:
    """A member cut so, and what it then holds."""
    training, layout = plan.sweep.training, run.dataset.layout
    microbatch, scored = cut
    model = model_of(plan, run)
    model = model.rematerialised() if again else model
    part = training.batch_size // share.data
    own = max(n for n in divisors(part) if n <= microbatch)
    setup = ProgramKey(model, run.dataset.task, method_of(plan.sweep), own, scored=scored)
    stream = run.dataset.stream(run.seed, training.batch_size)
    tile = layout.tile // share.data if layout.tile % share.data == 0 else layout.tile
    load = PerDeviceShapes(
        members=share.members,
        block=stream.like(block_steps(stream), part),
        tile=stream.like(tile),
        tiles=layout.tiles,
        state_devices=share.data if share.spreads else 1,
    )
    # Devices that share a batch each do what one alone would with its part.
    alone = machine.hardware if share.data == 1 else machine.hardware[:1]
    mesh = member_mesh(alone or jax.devices()[:1])
    held = device_bytes(setup, load, mesh, machine.on_cpu)
    return MemoryFit(microbatch, again, scored, held)


def _least(plan: Plan, run: Run, machine: Hardware, share: Share) -> int:
    """What a run needs where all is done to fit it; of a state too large, the state alone."""
    alone = share.members * state_bytes(plan, run) // (share.data if share.spreads else 1)
    if alone > machine.usable_bytes:
        return alone
    smallest, again = _cuts(plan, run, share)[0], _ways(plan, run, machine)[-1]
    return _cut(plan, run, machine, share, smallest, again).memory_bytes or 0


def _smaller(plan: Plan, run: Run, machine: Hardware, share: Share) -> Iterator[Size]:
    """Sizes that would fit, large ones first: others of the plan, then halves of the width."""
    family = plan.family
    assert isinstance(family, DeviceFamily)
    others = {other.size: other.cost.params for other in plan.runs}
    sizes = sorted(others, key=lambda size: -others[size])
    if run.size.width is not None:
        halves = (run.size.width >> n for n in range(1, run.size.width.bit_length()))
        widths = (width - width % min(width, 32) for width in halves)  # heads are 32 wide
        sizes += [dataclasses.replace(run.size, width=width) for width in widths]
    for size in sizes:
        cost = family.model(size, run.dataset.task, plan.compute_dtype).cost
        if cost.params < run.cost.params:
            other = dataclasses.replace(run, size=size, cost=cost)
            if _least(plan, other, machine, share) <= machine.usable_bytes:
                yield size


def _more_devices(plan: Plan, run: Run, machine: Hardware, share: Share) -> Iterator[int]:
    """Numbers of devices with which the run would fit, fewest first."""
    training = plan.sweep.training
    if training.shard_state is False or training.data_devices is not None or machine.on_cpu:
        return  # more cores have no more memory together
    devices = 2 * machine.devices
    while devices <= min(training.batch_size, _MOST_DEVICES):
        if training.batch_size % devices == 0:
            more = share._replace(data=devices, spreads=True)
            if _least(plan, run, machine, more) <= machine.usable_bytes:
                yield devices
        devices *= 2
