"""Executors that a config asks for: no part of a run, and refused in one line."""

import importlib.util
import socket

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.executors import choose
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.plan import make_plan

SWEEP = {
    "sources": {"noise": {"kind": "noise", "vocab_size": 4, "length": 8}},
    "family": {"kind": "transformer", "widths": [8], "depths": [1], "seeds": 2},
}


def on_ray(**options):
    return parse_sweep(SWEEP | {"executor": {"kind": "ray", **options}})


def refused(sweep):
    with pytest.raises(ConfigError) as caught, choose.executor_of(sweep):
        pass
    return str(caught.value)


def test_what_trains_is_no_part_of_a_run():
    usual, other = (make_plan(sweep, "cpu") for sweep in (parse_sweep(SWEEP), on_ray()))
    assert [run.run_id for run in usual.runs] == [run.run_id for run in other.runs]


@pytest.mark.parametrize(("key", "value"), [("address", "host:1"), ("devices", 2), ("retries", 3)])
def test_one_process_has_no_cluster(key, value):
    with pytest.raises(ConfigError, match=rf"executor\.{key}: belongs to kind ray"):
        parse_sweep(SWEEP | {"executor": {key: value}})


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'epiplexity-jax[ray]'" in refused(on_ray())


def test_processes_that_joined_start_no_cluster(monkeypatch):
    monkeypatch.setattr(choose, "is_multiprocess", lambda: True)
    assert "leave out --join and launch" in refused(on_ray())


def test_an_address_where_nobody_listens_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refused(on_ray(address=place))
    assert said == f"executor.address: {place}: no Ray cluster answers there: Connection refused"
