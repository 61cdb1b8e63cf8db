"""Runs of a plan that a store lacks: committed as they end, once."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.yaml import read_yaml
from epiplexity_jax.executors.local import Local
from epiplexity_jax.store import Store
from epiplexity_jax.sweep import final_states
from epiplexity_jax.sweep.device_trainer import DeviceTrainer
from epiplexity_jax.sweep.executor import SweepContext
from epiplexity_jax.sweep.runner import run_plan
from tests.unit.sweep.contexts import Counter
from tests.unit.sweep.plans import plan_of

FAMILY = {"kind": "transformer", "widths": [8], "depths": [1], "seeds": 1}


@pytest.fixture
def sweep(tmp_path, devices):
    def start(**sections):
        store, progress = Store.open(tmp_path / "store", create=True), Counter()
        plan = plan_of(**{"family": FAMILY, **sections})
        with store.lock():
            run_plan(SweepContext(plan, store, progress, lambda: False), Local(devices))
        return plan, store, progress

    return start


def test_what_is_there_is_not_trained_again(sweep):
    plan, store, progress = sweep()
    assert set(store.finished()) == {run.run_id for run in plan.runs}
    assert progress.started == (2, 0, 16)
    assert progress.steps == 16
    assert {row["run_id"] for row in progress.rows} == set(store.finished())
    _, _, again = sweep()
    assert (again.started, again.rows) == ((2, 2, 0), [])
    _, _, longer = sweep(training={"steps": 10, "batch_size": 4})
    assert longer.started == (2, 0, 2 * 2)  # continued from the states that were kept


def test_a_sweep_that_is_refused_leaves_the_store_as_it_was(sweep, monkeypatch):
    _, store, _ = sweep()
    before = {file: file.read_bytes() for file in store.path.rglob("*") if file.is_file()}

    def refused(*of):
        raise ConfigError("memory: too little")

    monkeypatch.setattr(DeviceTrainer, "waves", refused)
    with pytest.raises(ConfigError, match="memory: too little"):
        sweep(training={"steps": 12, "batch_size": 4})
    after = {file: file.read_bytes() for file in store.path.rglob("*") if file.is_file()}
    lock = store.path / ".lock"
    assert {**after, lock: b""} == {**before, lock: b""}
    assert len(Store.open(store.path).load()) == 2


def test_a_state_that_cannot_be_kept_costs_a_message_and_not_the_run(sweep, monkeypatch):
    def full(*of):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(final_states, "save_state", full)
    plan, store, progress = sweep()
    assert set(store.finished()) == {run.run_id for run in plan.runs}
    assert len(progress.messages) == 2
    assert (
        "its last state cannot be kept: No space left on device; the run is safe"
        in (progress.messages[0])
    )


def test_a_run_names_the_config_that_asked_for_it_first(sweep):
    _, store, _ = sweep()
    _, _, _ = sweep(training={"steps": 10, "batch_size": 4})
    _, again, _ = sweep()
    configs = {row["steps"]: row["config"] for row in again.finished().values()}
    kept = sorted(file.name for file in (store.path / "sweeps").iterdir())
    assert [configs[8], configs[10]] == kept[:2]
    assert len(kept) == 3
    assert (
        read_yaml((store.path / "sweeps" / configs[10]).read_text(), "config")["training"]["steps"]
        == 10
    )
