"""The counter that every display and the store's record build on."""

import math

from epiplexity_jax.sweep import progress as module
from epiplexity_jax.sweep.progress import Counted


def test_a_round_is_counted_alone_and_losses_that_are_not_finite_are_left_out():
    counted = Counted()
    counted.start(4, 1, 300)
    counted.advance(100, 1000, {"a": 2.0, "b": math.nan, "c": math.inf})
    counted.run_done({})
    assert (counted.runs, counted.done, counted.steps_done, counted.tokens) == (4, 2, 100, 1000)
    assert counted.losses == {"a": 2.0}
    counted.start(2, 0, 50)
    assert (counted.runs, counted.done, counted.steps_done, counted.tokens) == (2, 0, 0, 0)
    assert counted.losses == {}


def test_the_time_left_is_known_from_the_second_step_on(monkeypatch):
    clock = iter([0.0, 10.0, 20.0, 20.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    counted = Counted()  # at 0
    counted.advance(100, 1, {})  # at 10, behind what compiling took
    counted.member_steps = 300
    assert math.isnan(counted.left)
    counted.advance(100, 1, {})
    assert counted.left == 10.0  # at 20: 100 steps in 10 seconds


def test_an_end_that_is_set_decides_the_time_left(monkeypatch):
    counted = Counted()
    counted.ends = 5.0
    monkeypatch.setattr(module.time, "monotonic", lambda: 3.0)
    assert counted.left == 2.0
    monkeypatch.setattr(module.time, "monotonic", lambda: 9.0)
    assert counted.left == 0.0
