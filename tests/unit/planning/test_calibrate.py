"""What is chosen fits the time, and grows with it."""

from dataclasses import replace

import pytest

from epiplexity_jax.planning.calibrate import (
    LEAST_SIZES,
    Speed,
    Work,
    calibrate,
    choose,
    seconds_of,
    tuning_tokens,
)
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.plan import make_plan
from tests.unit.planning.made import COSTS
from tests.unit.sweep.plans import SWEEP

SPEED = Speed(per_token=1e-6, per_flop=1e-11, compiling=1.0)


def work(seconds, tokens=1e9):
    return Work(seconds=seconds, copies=6.0, tuned=1, tokens=tokens)


def test_more_time_never_chooses_less():
    found = [choose(work(s), SPEED, COSTS, 1e9, None) for s in (20, 60, 300, 3000, 30_000)]
    least = choose(work(1), SPEED, COSTS, 1e9, None)
    assert (least.sizes, least.test_tokens) == (LEAST_SIZES, 1e5)
    assert seconds_of(work(1), SPEED, COSTS[: least.sizes], least.test_tokens) > 1
    assert [one.test_tokens for one in found] == sorted(one.test_tokens for one in found)
    assert [one.sizes for one in found] == sorted(one.sizes for one in found)
    for seconds, one in zip((60, 300, 3000, 30_000), found[1:], strict=True):
        assert seconds_of(work(seconds), SPEED, COSTS[: one.sizes], one.test_tokens) <= seconds


def test_a_small_source_and_test_tokens_that_were_asked_for_are_kept():
    assert choose(work(1e5, 5e4), SPEED, COSTS, 5.9e4, None).test_tokens == 5.9e4
    assert choose(work(60), SPEED, COSTS, 1e9, 3e5).test_tokens == 3e5
    assert tuning_tokens(work(1, tokens=100.0), 1e6) == 90.0


def test_runs_that_a_budget_ends_take_less_time():
    whole = seconds_of(work(1), SPEED, COSTS, 1e9)
    ended = replace(work(1), budget=4.0 * COSTS[0].test_flops)
    assert seconds_of(ended, SPEED, COSTS, 1e9) < whole
    assert seconds_of(replace(ended, budget=1e30), SPEED, COSTS, 1e9) == whole


def test_a_few_steps_are_timed():
    import jax

    sweep = parse_sweep(SWEEP | {"recipe": "tuned", "recipes": {}})
    plan = make_plan(parse_sweep(SWEEP), "cpu")
    devices = jax.devices()[:1]
    speed = calibrate(sweep, plan.datasets, Hardware(1, "cpu"), devices)
    assert speed.seconds(10_000, 1e6) > speed.seconds(1000, 1e5) > 0.0
    assert speed.compiling == pytest.approx(speed.compiling)
