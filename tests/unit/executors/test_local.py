"""Waves on the devices of this process."""

import jax
import pytest

from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.executors.local import Local
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.executor import SweepContext
from tests.unit.sweep.contexts import Counter
from tests.unit.sweep.plans import plan_of


def test_waves_are_yielded_as_they_end_and_a_stop_comes_between_them(tmp_path):
    plan, stopping = plan_of(family={"kind": "ngram", "orders": [1], "seeds": 2}), []
    store = Store.open(tmp_path / "store", create=True)
    executor = Local(jax.devices())
    context = SweepContext(plan, store, Counter(), lambda: bool(stopping))
    waves = plan.trainer.waves(plan.runs, {}, executor.hardware)
    ended = executor.train(context, waves)
    assert [run.row["run_id"] for run in next(ended)] == list(waves[0].run_ids)
    stopping.append(True)
    with pytest.raises(Interrupted):
        next(ended)
    assert (
        len(list(executor.train(SweepContext(plan, store, Counter(), lambda: False), waves))) == 4
    )


def test_its_devices_are_described():
    executor = Local(jax.devices())
    assert executor.devices == f"{len(jax.devices())} x cpu"
    assert executor.hardware.count == len(jax.devices())
