"""The actor of a Ray sweep counts attempts, collects reports and passes on a stop."""

from epiplexity_jax.executors.ray_progress import ProgressActor


def test_attempts_are_counted_and_none_begins_after_a_stop():
    actor = ProgressActor()
    assert [actor.begin(3), actor.begin(3), actor.begin(5)] == [1, 2, 1]
    assert not actor.report(3, 10, 100, {"noise": 1.0})
    actor.message("so it is")
    assert actor.update() == ({3: (10, 100, {"noise": 1.0})}, ["so it is"])
    assert actor.update() == ({}, [])
    assert actor.stop() == {3, 5}
    assert actor.begin(7) == 0
    assert actor.report(3, 11, 110, {})
