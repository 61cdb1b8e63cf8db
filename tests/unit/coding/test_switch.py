"""The switch from raw to averaged weights against every choice tried out."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import best_switch, switch_bits

RNG = np.random.default_rng(5)


def streams(seeds, points):
    """Cumulated losses of seeds under raw and under averaged weights."""
    return (
        np.concatenate(
            [np.zeros((seeds, 1)), np.cumsum(RNG.random((seeds, points - 1)), axis=1)], axis=1
        )
        for _ in range(2)
    )


@pytest.mark.parametrize("seeds", [1, 3])
def test_it_is_the_best_of_all_choices_at_every_end(seeds):
    for _ in range(50):
        raw, ema = streams(seeds, 9)
        found = best_switch(raw, ema)
        for end in range(9):
            tried = [(raw[:, k] + ema[:, end] - ema[:, k]).mean() for k in range(end + 1)]
            assert found.sums[:, end].mean() == pytest.approx(min(tried), abs=1e-12)
            k = found.at[end]
            np.testing.assert_allclose(found.sums[:, end], raw[:, k] + ema[:, end] - ema[:, k])


def test_no_pure_choice_of_weights_is_shorter():
    raw, ema = streams(1, 40)
    found = best_switch(raw[0], ema[0]).sums
    assert np.all(found <= raw[0] + 1e-12)
    assert np.all(found <= ema[0] + 1e-12)


def test_the_choice_of_a_shorter_run_is_that_of_the_longer_up_to_its_end():
    raw, ema = streams(2, 30)
    whole, part = best_switch(raw, ema), best_switch(raw[:, :11], ema[:, :11])
    np.testing.assert_array_equal(whole.at[:11], part.at)
    np.testing.assert_array_equal(whole.sums[:, :11], part.sums)


def test_equal_weights_change_nothing_and_leave_the_stream_to_raw_ones():
    raw, _ = streams(1, 12)
    np.testing.assert_array_equal(best_switch(raw, raw).sums, raw)
    assert best_switch(raw, raw).at.tolist() == list(range(12))


def test_naming_it_costs_the_logarithm_of_the_choices():
    np.testing.assert_allclose(switch_bits([1, 3, 15]), [1.0, 2.0, 4.0])
    with pytest.raises(ConfigError, match="points: must be finite and positive, got 0"):
        switch_bits(0)


@pytest.mark.parametrize(
    ("raw", "ema", "message"),
    [
        ([0.0, 1.0], [0.0], r"ema_sums: expected the shape of raw_sums, \(2,\), got \(1,\)"),
        ([], [], "ema_sums: expected the shape"),
        ([0.0, np.nan], [0.0, 1.0], "raw_sums: must be finite"),
    ],
)
def test_bad_input_is_refused(raw, ema, message):
    with pytest.raises(ConfigError, match=message):
        best_switch(raw, ema)
