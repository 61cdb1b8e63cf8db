"""Waves: what is left of them."""

from epiplexity_jax.sweep.wave import Wave


def test_members_have_as_much_left_as_the_longest_takes():
    wave = Wave(("a", "b"), iterations=10)
    assert (wave.steps_left, wave.start, wave.restored) == (20, 0, {})
    assert Wave(("a", "b", "c"), iterations=10, start=8).steps_left == 6
