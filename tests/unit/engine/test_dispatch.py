"""Spans of the loop: about two seconds long, two on the devices, equal on all processes."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.engine import dispatch


def test_the_loop_is_cut_by_the_clock_of_the_leader(monkeypatch):
    """Else one process would ask the others something while they still train."""
    asked = []

    def gathered(values):
        asked.extend(values)
        return np.array([[3], values])

    monkeypatch.setattr(dispatch, "all_gather_ints", gathered)
    own = dispatch.DispatchThrottle()
    for _ in range(4):
        own.give(jnp.zeros(()), 1)
    assert own.steps == 3
    assert asked == [4, 12]  # it would go four times as far, as nothing takes no time


@pytest.mark.parametrize(("seconds", "expected"), [(0.5, [1, 1, 4, 4]), (8.0, [1, 1, 1, 1])])
def test_spans_grow_to_two_seconds_and_never_below_a_step(monkeypatch, seconds, expected):
    clock = itertools.count(1.0, seconds)
    monkeypatch.setattr(dispatch.time, "monotonic", lambda: next(clock))
    throttle, steps = dispatch.DispatchThrottle(), []
    for _ in range(4):
        throttle.give(jnp.zeros(()), 1)
        steps.append(throttle.steps)
    assert steps == expected
