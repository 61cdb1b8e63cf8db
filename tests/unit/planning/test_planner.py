"""Rounds of a plan: every one through the store, the last grid current, the time kept."""

import numpy as np
import pytest

from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.planning.pace import Pace
from epiplexity_jax.planning.planner import Planner, Question, first_grid, limits_of
from epiplexity_jax.planning.sizes import costs_of
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.executor import SweepContext
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.plan import make_plan
from epiplexity_jax.sweep.progress import Silent
from tests.unit.sweep.plans import SWEEP
from tests.unit.tuning.test_tune import Made

QUESTION = Question((2e7, 4e7), 4000.0)


def sweep():
    family = {"kind": "transformer", "widths": [4, 8, 16], "depths": [1], "seeds": 2}
    frontier = {"test_tokens": QUESTION.test_tokens, "compute": list(QUESTION.budgets)}
    return parse_sweep(SWEEP | {"family": family, "frontier": frontier})


@pytest.fixture
def context(tmp_path):
    store = Store.open(tmp_path / "store", create=True)
    with store.lock():
        yield SweepContext(make_plan(sweep(), "cpu"), store, Silent(), lambda: False)


def planner(context, pace=None):
    executor = Made(Hardware(1, "cpu"))
    return Planner(context, executor, QUESTION, pace or Pace()), executor


def costs(context):
    return costs_of(sweep(), context.plan.datasets, "cpu", QUESTION.test_tokens)


def grid(tokens):
    return {name: {"width 4 depth 1": tokens, "width 8 depth 1": tokens} for name in SWEEP_SOURCES}


SWEEP_SOURCES = tuple(SWEEP["sources"])


def test_limits_hold_inputs_and_the_length_of_the_source(context):
    own = limits_of(context.plan.datasets[0], QUESTION, 4)
    task = context.plan.datasets[0].task
    assert own.test_total == QUESTION.test_tokens * task.total_tokens / task.label_tokens
    assert own.most == float("inf")
    first = first_grid(costs(context), dict.fromkeys(SWEEP_SOURCES, own), 0.5)
    assert all(np.isfinite(tokens) for sizes in first.values() for tokens in sizes.values())


def test_a_plan_trains_smallest_first_and_repeats_nothing(context):
    own, executor = planner(context)
    planned = own.finish(costs(context), grid(3000.0))
    sizes = [context.store.finished()[ids[0]]["size"] for ids in executor.rounds if ids]
    assert sizes[0] == "width 4 depth 1"
    assert set(planned.sweep.grid) == set(SWEEP_SOURCES)
    again, executor = planner(context)
    repeated = again.repeat(costs(context), planned.sweep)
    assert executor.rounds == []
    assert (repeated.sweep, repeated.complete) == (planned.sweep, planned.complete)
    rows = context.store.finished().values()
    current = {(row["source"], row["size"], row["steps"]) for row in rows if row["current"]}
    assert len(current) == sum(map(len, planned.sweep.grid.values()))


def test_when_the_time_is_over_finished_runs_count(context, monkeypatch):
    pace = Pace()
    own, executor = planner(context, pace)
    train = executor.train

    def train_once(context, waves):
        yield from train(context, waves)
        if len(executor.rounds) == 1:
            pace.ends = 0.0
            raise Interrupted

    monkeypatch.setattr(executor, "train", train_once)
    planned = own.finish(costs(context), grid(3000.0))
    assert {size for own in planned.sweep.grid.values() for size in own} == {"width 4 depth 1"}
    assert planned.waiting
    assert not planned.complete
    repeated = planner(context)[0].repeat(costs(context), planned.sweep)
    assert (repeated.waiting, repeated.complete) == (planned.waiting, False)


def test_an_interrupt_of_the_user_is_handed_on(context, monkeypatch):
    own, executor = planner(context)

    def stopped(context, waves):
        raise Interrupted
        yield

    monkeypatch.setattr(executor, "train", stopped)
    with pytest.raises(Interrupted):
        own.finish(costs(context), grid(3000.0))
