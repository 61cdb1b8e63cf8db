"""Which runs train at once, and on how many devices: cohorts of equal shapes, packed into waves."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.engine.microbatch import divisors
from epiplexity_jax.sweep.fit_memory import (
    Hardware,
    MemoryFit,
    Share,
    does_not_fit_error,
    largest_fit,
)
from epiplexity_jax.sweep.plan import Plan, Run

_MOST_MEMBERS = 64  # of a device; more do not fill it better


@dataclass(frozen=True)
class Wave:
    """Runs of one cohort that train at once.

    Attributes:
        runs: its members.
        slots: members that the devices hold, >= those there are.
        data: devices that share a member's batch.
        spreads: whether they share its parameters and optimiser state, too.
        fit: how its members are cut to fit; None of those that count on the host.
    """

    runs: tuple[Run, ...]
    slots: int
    data: int = 1
    spreads: bool = False
    fit: MemoryFit | None = None


def pack(plan: Plan, todo: Sequence[Run], machine: Hardware) -> list[Wave]:
    """Pack runs into cohorts of equal shapes and cohorts into waves, largest first.

    Members are spread over the devices first. Where the plan has fewer members of a shape than
    there are accelerators, these share a batch. A member that does not fit one is cut into smaller
    slices, then does work twice; where that is not enough, devices share its state as well.
    The plan decides and not what is left of it, so a sweep that is resumed trains as before.

    Raises:
        ConfigError: when a model fits no number of these devices, or they cannot be divided so.
    """
    every = Counter(run.cohort for run in plan.runs)
    cohorts: dict[Any, list[Run]] = {}
    for run in todo:
        cohorts.setdefault(run.cohort, []).append(run)
    waves = []
    for cohort, runs in cohorts.items():
        share, fit = _laid_out(plan, runs[0], every[cohort], machine)
        at_once = machine.devices // share.data  # groups of devices that train a member each
        most = _members_per_device(plan, fit, machine)
        size = at_once * min(most, math.ceil(len(runs) / at_once))
        for i in range(0, len(runs), size):
            part = tuple(runs[i : i + size])
            each = math.ceil(len(part) / at_once)
            held = fit.memory_bytes and fit.memory_bytes * each // share.members
            cut = fit._replace(memory_bytes=held)
            waves.append(Wave(part, each * at_once, share.data, share.spreads, cut))
    return sorted(waves, key=lambda w: -w.runs[0].cost.train_flops_per_token)


def _laid_out(plan: Plan, run: Run, members: int, machine: Hardware) -> tuple[Share, MemoryFit]:
    """What devices share, and how a member is cut to fit: as little as possible of both.

    Raises:
        ConfigError: when nothing does, or the devices cannot be divided as the config says.
    """
    training = plan.sweep.training
    possible, usual = _possible(plan, members, machine)
    forced = bool(training.shard_state) and usual > 1
    at_once = training.members_per_device or 1
    shares = [Share(usual, forced, at_once)]
    if training.shard_state is not False:
        shares += [Share(n, True, at_once) for n in possible if n >= max(usual, 2)]
    for share in shares:
        fit = largest_fit(plan, run, machine, share)
        if fit is not None:
            return share, fit
    raise does_not_fit_error(plan, run, machine, shares[-1])


def _possible(plan: Plan, members: int, machine: Hardware) -> tuple[list[int], int]:
    """Numbers of devices that may share a batch, and the one where memory has no say."""
    training = plan.sweep.training
    possible = [n for n in divisors(machine.devices) if training.batch_size % n == 0]
    chosen = training.data_devices
    if chosen is not None:
        if chosen not in possible:
            raise ConfigError(
                f"training.data_devices: {chosen} does not divide {machine.devices} devices and "
                f"batches of {training.batch_size}; possible are {', '.join(map(str, possible))}"
            )
        possible = [chosen]
    idle = [n for n in possible if machine.devices // n >= members]
    # Cores share the machine's caches and threads: a member each is what they do best.
    usual = max(idle) if idle and not machine.on_cpu else possible[0]
    if training.shard_state and usual == 1:
        usual = possible[-1]
        if usual == 1:
            raise ConfigError(
                "training.shard_state: there are no devices that share a batch; leave it out"
            )
    return possible, usual


def _members_per_device(plan: Plan, fit: MemoryFit, machine: Hardware) -> int:
    """As many as fit, where a member holds what `fit` says."""
    if plan.sweep.training.members_per_device is not None:
        return plan.sweep.training.members_per_device
    if machine.on_cpu:
        return 1
    if fit.memory_bytes is None:
        return _MOST_MEMBERS
    return max(1, int(min(_MOST_MEMBERS, machine.usable_bytes // fit.memory_bytes)))
