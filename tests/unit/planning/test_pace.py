"""Times of runs are predicted from those that were trained."""

import math

from epiplexity_jax.planning.pace import Pace


def test_without_a_limit_the_time_is_never_over():
    assert not Pace().is_over
    assert Pace().left == math.inf
    assert Pace(ends=0.0).is_over
    assert Pace(ends=0.0).left == 0.0


def test_seconds_follow_the_runs_of_a_size_and_those_of_others_where_it_has_none():
    row = {"size": "w8", "steps_done": 10, "train_tokens_per_step": 100, "params": 5}
    pace = Pace(compiling=3.0)
    pace.learn([row | {"wall_seconds": 6.0}, row | {"wall_seconds": None}])
    assert math.isclose(pace.of("w8", 6.0 * 5 * 1000), 6.0)
    assert math.isclose(pace.of("w16", 6.0 * 5 * 1000), 9.0)
