"""The devices that a sweep trains on, and how members may be laid out over them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from epiplexity_jax.runtime.devices import cpu_cores, host_memory
from epiplexity_jax.runtime.processes import all_gather_ints

USABLE = 0.8  # of a device's memory; XLA may allocate a fifth more than is estimated


@dataclass(frozen=True)
class Hardware:
    """Devices of one kind.

    Attributes:
        count: devices of all processes.
        platform: "cpu", "gpu" or "tpu", as JAX spells it.
        memory_bytes: memory of one device; None where it is not known.
        devices: the devices themselves; empty where they are another process's.
    """

    count: int
    platform: str
    memory_bytes: int | None = None
    devices: tuple[Any, ...] = ()

    @classmethod
    def of(cls, devices: Sequence[Any], alone: bool = True) -> "Hardware":
        """Describe started devices, of all processes; a collective: every process calls it.

        The least memory counts; a process that is `alone` has the cores of its host for itself.
        """
        platform = devices[0].platform
        own = next(d for d in devices if d.process_index == jax.process_index())
        memory_bytes = (
            host_memory() // max(jax.local_device_count(), 1 if alone else cpu_cores())
            if platform == "cpu"
            else (own.memory_stats() or {}).get("bytes_limit")
        )
        if memory_bytes is not None:
            memory_bytes = int(all_gather_ints([memory_bytes]).min())
        return cls(len(devices), platform, memory_bytes, tuple(devices))

    @property
    def on_cpu(self) -> bool:
        """True if the devices are CPU cores."""
        return self.platform == "cpu"

    @property
    def usable_bytes(self) -> float:
        """Memory of each device to plan with; infinite where it is not known."""
        return math.inf if self.memory_bytes is None else USABLE * self.memory_bytes


class DeviceLayout(NamedTuple):
    """Layout of a group of devices and its members."""

    data: int = 1  # devices that share a member's batch
    shard_state: bool = False  # they share its state, too
    members: int = 1  # that a group trains at once

    @property
    def state_devices(self) -> int:
        """Devices that a member's state is divided by."""
        return self.data if self.shard_state else 1
