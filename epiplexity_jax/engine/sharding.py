"""Sharding over devices: members side by side, then a batch's sequences, then weights.

A mesh has two axes. Over `member` the loop is written by hand (`jax.shard_map`), without any
collective. Over `data` XLA divides the work, by constraints on sequences, and for models too large
for one device on parameters and optimiser states (FSDP, Zhao et al. 2023, arXiv 2304.11277).
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

MEMBER, DATA = "member", "data"
_SMALL = 1024  # entries of an array that is not worth spreading


def member_mesh(devices: Sequence[Any] | None = None, data: int = 1) -> Mesh:
    """A mesh of axes `member` and `data`, by default of all devices of all processes.

    `data` is how many of them share a member's batch; a divisor of their number.
    """
    every = np.array(devices or jax.devices())
    return Mesh(every.reshape(-1, data), (MEMBER, DATA), axis_types=(AxisType.Auto,) * 2)


def data_devices() -> int:
    """Devices that share a batch, asked inside of a cohort's program; 1 in other programs."""
    return jax.sharding.get_abstract_mesh().shape.get(DATA, 1)


def over_data(tree: Any, axis: int = 0) -> Any:
    """Shard the sequences, an axis of every leaf, over the devices that share a batch.

    Outside of a cohort's program, and where they cannot be shared evenly, nothing happens.
    """
    return jax.tree.map(lambda x: _constrained(x, _sequences(x.shape, axis, data_devices())), tree)


def shard_large(state: Any) -> Any:
    """Shard the large arrays of a member's state over the devices that share its batch."""
    return jax.tree.map(lambda x: _constrained(x, _largest_axis(x.shape, data_devices())), state)


def _constrained(x: Any, spec: PartitionSpec) -> Any:
    if DATA not in spec:
        return x
    mesh = jax.sharding.get_abstract_mesh()
    return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, spec))


def _sequences(shape: tuple[int, ...], axis: int, devices: int) -> PartitionSpec:
    if devices == 1 or shape[axis] % devices:
        return PartitionSpec()
    return PartitionSpec(*(None,) * axis, DATA)


def _largest_axis(shape: tuple[int, ...], devices: int) -> PartitionSpec:
    """The largest axis that the devices divide, of an array that is worth it."""
    even = [axis for axis, size in enumerate(shape) if size % devices == 0]
    if devices == 1 or not even or math.prod(shape) < _SMALL:
        return PartitionSpec()
    return _sequences(shape, max(even, key=lambda axis: shape[axis]), devices)


def lies_over(shape: tuple[int, ...], devices: int) -> bool:
    """Return True if devices that share states divide a state's array of this shape."""
    return DATA in _largest_axis(shape, devices)


class CohortSharding:
    """Puts a cohort's arrays where its programs need them, so that none compiles twice.

    States lie over the axis `data` of the mesh as well where `shard_state` is True.
    """

    def __init__(self, mesh: Mesh, shard_state: bool = False):
        self.mesh, self.shard_state = mesh, shard_state
        self._devices = mesh.shape[DATA]

    def __call__(self, tree: Any) -> Any:
        """Place [C, ...]: values of members."""
        return self._put(tree, lambda shape: PartitionSpec())

    def sequences(self, tree: Any) -> Any:
        """Place chunks [C, T, B, ...], with sequences along the third axis."""
        return self._put(tree, lambda shape: _sequences(shape, 1, self._devices))

    def shared(self, tree: Any) -> Any:
        """Place eval batches [K, S, ...] that all members read, sequences along the second axis."""
        return self._put(tree, lambda shape: _sequences(shape, 0, self._devices), None)

    def states(self, tree: Any) -> Any:
        """Place states [C, ...]."""
        return self._put(tree, self._state)

    def holds(self, members: int) -> list[bool]:
        """Flags of the members, of so many, that this process' devices hold."""
        indices = self._sharding(PartitionSpec()).addressable_devices_indices_map((members,))
        held = {i for where in indices.values() if where for i in range(members)[where[0]]}
        return [i in held for i in range(members)]

    def rows(self, sequences: int) -> slice:
        """Range of a batch's sequences, first to last, that the devices of this process hold."""
        sharding = NamedSharding(self.mesh, _sequences((sequences,), 0, self._devices))
        indices = sharding.addressable_devices_indices_map((sequences,)).values()
        held = [range(sequences)[where[0]] if where else range(sequences) for where in indices]
        return slice(min(r.start for r in held), max(r.stop for r in held))

    def state_shardings(self, one: Any) -> Any:
        """Shardings of states [C, ...], by the shapes of one member's."""
        return jax.tree.map(lambda x: self._sharding(self._state(x.shape)), one)

    def _state(self, shape: tuple[int, ...]) -> PartitionSpec:
        return _largest_axis(shape, self._devices) if self.shard_state else PartitionSpec()

    def _sharding(self, own: PartitionSpec, first: str | None = MEMBER) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec(first, *own))

    def _put(self, tree: Any, spec: Any, first: str | None = MEMBER) -> Any:
        def put(x: Any) -> jax.Array:
            sharding = self._sharding(spec(np.shape(x)[1:]), first)
            if sharding.is_fully_addressable:
                return jax.device_put(x, sharding)
            host = np.asarray(x)  # every process has the part that its devices hold
            return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

        return jax.tree.map(put, tree)
