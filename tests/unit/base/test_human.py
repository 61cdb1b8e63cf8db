"""Times, sizes and lists as text, at the edges of their units."""

import pytest

from epiplexity_jax.base.human import duration, join_words, memory


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


@pytest.mark.parametrize(
    ("words", "text"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c", "d"], "a, b, c and d")],
)
def test_lists(words, text):
    assert join_words(words) == text


def test_a_list_of_nothing_is_no_part_of_a_sentence():
    with pytest.raises(ValueError, match="not enough values"):
        join_words([])
