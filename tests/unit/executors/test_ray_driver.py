"""The part of a node that a task takes; what cannot be sent to a cluster is named."""

import threading

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.user_models import Functions, user_model
from epiplexity_jax.sweep.config import parse_sweep

SWEEP = {
    "sources": {"noise": {"kind": "noise", "vocab_size": 4, "length": 8}},
    "family": {"kind": "transformer", "widths": [8], "depths": [1], "seeds": 2},
}


@pytest.fixture
def ray_driver(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from epiplexity_jax.executors import ray_driver

    return ray_driver


@pytest.mark.parametrize(
    ("counts", "on_cpu", "devices", "taken"),
    [
        (False, False, None, "2 GPUs"),
        (False, False, 4, "4 GPUs"),
        (False, True, None, "8 CPU cores"),
        (True, True, None, "1 CPU cores"),
    ],
)
def test_a_task_takes_what_the_smallest_node_has(
    ray_driver, monkeypatch, counts, on_cpu, devices, taken
):
    nodes = [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 16.0, "GPU": 4.0}]
    monkeypatch.setattr(
        ray_driver.ray, "nodes", lambda: [{"Alive": True, "Resources": node} for node in nodes]
    )
    sweep = parse_sweep(SWEEP | {"executor": {"kind": "ray", "devices": devices}})
    assert str(ray_driver._resources(sweep, counts, on_cpu)) == taken


def test_a_task_takes_no_more_than_a_node_has(ray_driver, monkeypatch):
    node = {"Alive": True, "Resources": {"CPU": 8.0}}
    monkeypatch.setattr(ray_driver.ray, "nodes", lambda: [node])
    sweep = parse_sweep(SWEEP | {"executor": {"kind": "ray", "devices": 9}})
    with pytest.raises(ConfigError, match="devices: 9 are more than the 8 CPU cores of the larg"):
        ray_driver._resources(sweep, False, False)


def test_what_cannot_travel_is_named(ray_driver):
    family = user_model({"mine": Functions(threading.Lock().acquire, print)})
    sweep = parse_sweep(SWEEP).model_copy(update={"family": family})
    with pytest.raises(ConfigError, match=r"family: cannot be sent .*lock.* executor\.kind local"):
        ray_driver._blame(sweep, TypeError())
