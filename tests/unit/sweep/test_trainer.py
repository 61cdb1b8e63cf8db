"""Times of waves from times of their steps."""

import pytest

from epiplexity_jax.sweep.trainer import WaveTiming, timed


@pytest.mark.parametrize("rescore", [0.0, 1.0])
def test_a_wave_takes_its_steps_record_points_and_end(rescore):
    timing = WaveTiming(100.0, 2.0, 0.5, 10.0, lambda steps: steps // 10, 1000.0, rescore, None)
    assert timing.wave_seconds(50) == 50 * (2.0 + rescore) + 10.0 * 5 + 1000.0


def test_a_call_is_timed_and_gives_its_result():
    seconds, result = timed(lambda: "done")
    assert result == "done"
    assert 0 <= seconds < 10
