import math

import numpy as np
import pytest

from epiplexity_jax.analysis.laws.examine import examine, interval, parameters
from epiplexity_jax.analysis.laws.points import LossPoints
from tests.unit.analysis.laws.made import LAW, points_of

SIZES = tuple(np.geomspace(1e3, 1e6, 6))


def test_errors_and_intervals_come_from_redrawn_runs():
    found = examine(points_of(SIZES, noise=0.003), draws=20)
    assert len(found.laws) == 20
    assert set(found.standard_errors) == {*parameters(LAW)} - {"n0", "d0"}
    for name, (low, high) in found.intervals.items():
        value = parameters(found.law)[name]
        assert low < high
        assert (
            low - 3 * found.standard_errors[name] < value < high + 3 * found.standard_errors[name]
        )
    again = examine(points_of(SIZES, noise=0.003), draws=20)
    assert again.to_json() == found.to_json()


def test_the_points_of_one_run_are_drawn_together():
    """Points that stand twice as two runs narrow the errors; as one run they do not."""
    points = points_of(SIZES, noise=0.003)
    columns = [
        np.tile(getattr(points, name), 4) for name in ("params", "train_tokens", "loss_nats")
    ]
    apart = examine(LossPoints.of(*columns), draws=30).standard_errors["beta"]
    runs = np.tile(points.run, 4)
    together = examine(LossPoints.of(*columns, run=runs), draws=30).standard_errors["beta"]
    assert together > 1.4 * apart


def test_what_was_left_out_is_shown():
    found = examine(points_of(SIZES, noise=0.003), drop_highest=2, draws=0)
    assert (found.dropped, len(found.fit.points), found.laws) == (2, 22, ())
    assert found.standard_errors is found.intervals is None
    rows = {one.name: one.points for one in found.variations}
    assert rows == {
        "with the 2 dropped": 24,
        "without the highest loss": 21,
        "without the largest budgets": 20,
        "without the smallest size": 19,
        "without the largest size": 18,
    }


def test_the_largest_budgets_are_predicted_from_the_others():
    found = examine(points_of(SIZES), draws=0)
    assert found.held_out.points + found.held_out.kept == 24
    assert abs(found.held_out.largest_error) < 1e-5
    last = found.fit.points.last_budgets()
    points = points_of(SIZES)
    moved = LossPoints.of(
        points.params, points.train_tokens, points.loss_nats * np.where(last, 1.02, 1.0)
    )
    held = examine(moved, draws=0).held_out
    assert held.mean_error == pytest.approx(0.02, abs=1e-4)


def test_draws_that_identify_no_law_are_drawn_again_and_counted():
    points = points_of((1e3, 1e4, 1e5), lengths=(1e5, 1e6))
    found = examine(points, draws=30)
    assert 0 < len(found.laws) <= 30
    assert found.held_out is None
    missing = 30 - len(found.laws)
    assert [note.split()[0] for note in found.notes] == ([str(missing)] if missing else [])


def test_an_interval_holds_infinite_ends():
    assert interval([1.0] * 38 + [math.inf] * 2) == (1.0, math.inf)
