"""What trains a sweep: what is refused, and what a node does that cannot see the store."""

import importlib.util
import socket
import threading

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.checkpoints.keeper import Checkpoints
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.executors import local
from epiplexity_jax.executors.ray_progress import ProgressActor
from epiplexity_jax.families.user_models import Functions, user_model
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import CheckpointOptions, parse_sweep
from epiplexity_jax.sweep.plan import make_plan

SWEEP = {
    "sources": {"noise": {"kind": "noise", "vocab_size": 4, "length": 8}},
    "family": {"kind": "transformer", "widths": [8], "depths": [1], "seeds": 2},
}


def on_ray(**options):
    return parse_sweep(SWEEP | {"executor": {"kind": "ray", **options}})


def refused(sweep):
    with pytest.raises(ConfigError) as caught, local.executor_of(sweep):
        pass
    return str(caught.value)


def test_what_trains_is_no_part_of_a_run():
    usual, other = (make_plan(sweep, on_cpu=True) for sweep in (parse_sweep(SWEEP), on_ray()))
    assert [run.run_id for run in usual.runs] == [run.run_id for run in other.runs]


@pytest.mark.parametrize(("key", "value"), [("address", "host:1"), ("devices", 2), ("retries", 3)])
def test_one_process_has_no_cluster(key, value):
    with pytest.raises(ConfigError, match=rf"executor\.{key}: belongs to kind ray"):
        parse_sweep(SWEEP | {"executor": {key: value}})


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'epiplexity-jax[ray]'" in refused(on_ray())


def test_processes_that_joined_start_no_cluster(monkeypatch):
    monkeypatch.setattr(local, "is_multiprocess", lambda: True)
    assert "leave out --join and launch" in refused(on_ray())


def test_an_address_where_nobody_listens_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refused(on_ray(address=place))
    assert said == f"executor.address: {place}: no Ray cluster answers there: Connection refused"


def test_what_cannot_travel_is_named(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from epiplexity_jax.executors import ray_driver

    family = user_model({"mine": Functions(threading.Lock().acquire, print)})
    sweep = parse_sweep(SWEEP).model_copy(update={"family": family})
    with pytest.raises(ConfigError, match=r"family: cannot be sent .*lock.* executor\.kind local"):
        ray_driver._blame(sweep, TypeError())


def test_a_board_counts_attempts_and_asks_no_more_when_all_should_end():
    board = ProgressActor()
    assert [board.begin(3), board.begin(3), board.begin(5)] == [1, 2, 1]
    assert not board.tell(3, 10, 100, {"noise": 1.0})
    board.say("so it is")
    assert board.news() == ({3: (10, 100, {"noise": 1.0})}, ["so it is"])
    assert board.news() == ({}, [])
    assert board.stop() == {3, 5}
    assert board.begin(7) == 0
    assert board.tell(3, 11, 110, {})


def keeper(folder, held):
    checkpoints = Checkpoints(folder, CheckpointOptions(minutes=1e-9), held)
    assert checkpoints.find_wave(["run"], lambda _: None) == ({}, [])
    return checkpoints.keeping(["run"], 0.0, lambda: False, pytest.fail)


def test_where_the_store_cannot_be_seen_nothing_is_kept():
    with keeper(None, lambda: True) as found:
        assert not found.due()
        found.stopping = lambda: True
        assert found.due()
        with pytest.raises(Interrupted):
            found.keep(1, {}, [])


def test_a_store_that_somebody_took_over_is_left_alone(tmp_path):
    store = Store.open(tmp_path / "store", create=True)
    with store.lock():
        first = store.holder
        assert store.is_held_by(first)
    with Store.open(store.path, create=True).lock():
        assert not store.is_held_by(first)
    with keeper(tmp_path / "checkpoints", lambda: store.is_held_by(first)) as found:
        assert found.due()
        with pytest.raises(Interrupted):
            found.keep(1, {}, [])
    assert not (tmp_path / "checkpoints").exists()
