"""Axes: round ticks inside the limits, and a scale that fits the numbers."""

import pytest

from epiplexity_jax.report import axes


def row(value, low=None, high=None, source="a", status="ok", compute=1e12):
    limits = {"v_low": value if low is None else low, "v_high": value if high is None else high}
    return {"source": source, "compute": compute, "status": status, "v": value, **limits}


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (2e9, 3e12, [1e10, 1e11, 1e12]),
        (5.5e12, 4.3e13, [7e12, 1e13, 2e13, 3e13]),
        (8e12, 4e15, [1e13, 3e13, 1e14, 3e14, 1e15, 3e15]),
        (8.2e10, 3.9e11, [1e11, 2e11, 3e11]),
        (1.1e11, 1.9e11, []),
    ],
)
def test_ticks_of_a_logarithmic_axis(low, high, ticks):
    assert axes.log_ticks(low, high) == ticks


@pytest.mark.parametrize("decades", [1, 2, 3, 5, 8, 13, 20])
def test_ticks_are_few_round_and_inside(decades):
    low, high = 3.3e8, 3.3e8 * 10.0**decades
    ticks = axes.log_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert all(low <= tick <= high for tick in ticks)
    assert all(float(f"{tick:.0e}") == tick for tick in ticks)


@pytest.mark.parametrize(
    ("value", "text"), [(1e11, "1e11"), (2e11, "2e11"), (700.0, "700"), (1e-5, "1e-5")]
)
def test_powers_of_ten(value, text):
    assert axes._text(value) == text


def test_lengths_have_a_unit_that_keeps_labels_short():
    axis = axes.lengths([row(0.0), row(1.8e6, 1.6e6, 2.0e6)], "v")
    assert (axis.kind, axis.unit, axis.labels[0.0]) == ("linear", "Mbit", "0")
    assert axis.limits[1] > 2.0e6
    assert -0.05 * axis.limits[1] < axis.limits[0] < 0.0  # a line at 0 is not cut in half
    assert axis.labels[0.5e6] == "0.5"


def test_negative_lengths_are_shown():
    axis = axes.lengths([row(-300.0, -400.0, -200.0), row(1000.0)], "v")
    assert axis.limits[0] < -300.0
    assert 0.0 in axis.labels


def test_a_wide_interval_does_not_take_the_panel():
    axis = axes.lengths([row(100.0, -1e6, 120.0)], "v")
    assert axis.limits[0] > -100.0


def test_nothing_learnt_has_an_axis_too():
    axis = axes.lengths([row(0.0)], "v")
    assert axis.limits[0] < 0.0 < axis.limits[1]
    assert axis.labels == {0.0: "0"}


def test_labels_need_no_uncommon_font():
    rows = [row(1e9, source="a"), row(2e5, source="b")]
    for axis in (axes.lengths(rows, "v"), axes.compute([3e9, 5e16])):
        assert len(axis.labels) >= 2
        assert all(label.isascii() for label in axis.labels.values())


def test_sources_that_end_far_apart_get_a_logarithm():
    rows = [row(1e8, source="a"), row(2e5, -5.0, 3e5, source="b")]
    axis = axes.lengths(rows, "v")
    assert (axis.kind, axis.unit) == ("log", "bits")
    assert 0 < axis.limits[0] <= 2e5 < 1e8 < axis.limits[1]
    assert axis.inside(rows[1], "v")["v_low"] == axis.limits[0]


def epiplexities(*rows):
    names = {"v": "epiplexity", "v_low": "epiplexity_low", "v_high": "epiplexity_high"}
    return [{names.get(key, key): value for key, value in r.items()} for r in rows]


def test_epiplexities_far_apart_keep_zero_on_their_axis():
    rows = epiplexities(row(1e6, source="a"), row(3e3, source="b"), row(0.0, status="untrained"))
    axis = axes.lengths([rows[2], *rows[:2]], "epiplexity")
    assert (axis.kind, axis.constant) == ("symlog", 1e3)
    assert {0.0, 1e4, 1e6} <= set(axis.labels)


def test_what_is_below_resolution_does_not_stretch_the_axis():
    rows = epiplexities(row(1e6, source="a"), row(3e3, source="b", status="below_resolution"))
    assert axes.lengths(rows, "epiplexity").kind == "linear"
