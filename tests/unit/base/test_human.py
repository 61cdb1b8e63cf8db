"""Times and sizes as text, at the edges of their units."""

import pytest

from epiplexity_jax.base.human import duration, memory


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119.4, "119 s"), (120, "2 min"), (3599, "1 h 0 min"), (7170, "2 h 0 min")],
)
def test_times(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.0 MiB"), (2**30 - 1, "1,024.0 MiB"), (2**30, "1.0 GiB")]
)
def test_sizes(size, text):
    assert memory(size) == text
