"""Devices of a sweep, and what members may use of them."""

import math

import jax
import pytest

from epiplexity_jax.runtime.devices import host_memory
from epiplexity_jax.sweep.hardware import USABLE, DeviceLayout, Hardware


def test_cores_share_the_memory_of_their_host():
    found = Hardware.of(jax.devices())
    assert (found.count, found.platform, found.on_cpu) == (len(jax.devices()), "cpu", True)
    assert found.devices == tuple(jax.devices())
    assert found.memory_bytes == pytest.approx(host_memory() / jax.local_device_count(), rel=0.5)
    assert Hardware.of(jax.devices(), alone=False).memory_bytes <= found.memory_bytes


def test_a_part_of_the_memory_is_planned_with():
    assert Hardware(1, "gpu", 1000).usable_bytes == USABLE * 1000
    assert Hardware(1, "gpu").usable_bytes == math.inf


def test_a_state_is_divided_only_where_it_is_shared():
    assert DeviceLayout(data=4, shard_state=True).state_devices == 4
    assert DeviceLayout(data=4).state_devices == 1
