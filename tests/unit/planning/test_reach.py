"""The least code of a longer run lies below the code that it turns out to have."""

import numpy as np
import pytest

from epiplexity_jax.planning.reach import WORTH, gain, least_lengths
from tests.unit.planning.made import NOISE, TEST, frontier_of


@pytest.mark.parametrize("name", ["N1000", "N8000", "N64000"])
@pytest.mark.parametrize("noise", [None, NOISE])
def test_the_bound_lies_below_what_a_longer_run_has(name, noise):
    short, whole = frontier_of({name: 5e7}, noise), frontier_of({name: 8e8}, noise)
    (before,), (after,) = short.all_members, whole.all_members
    later = after.train_tokens > before.train_tokens[-1]
    bound = least_lengths(before, after.train_tokens[later], TEST)
    assert np.all(bound <= after.mdl_bits[later] + 2.0 * after.mdl_stderr[later])


def test_only_a_run_that_may_shorten_the_code_at_a_budget_gains():
    frontier = frontier_of({"N1000": 1e8, "N8000": 8e8, "N128000": 2e7})
    members = {one.name: one for one in frontier.all_members}
    low = 1e10
    assert gain(members["N8000"], frontier.traced, 8e8, TEST, low) == 0.0  # trained to its end
    assert gain(members["N128000"], frontier.traced, 1e9, TEST, low) > WORTH
    assert gain(members["N1000"], frontier.traced, 1e9, TEST, low) > 0.0  # the cheapest of all
    assert gain(members["N1000"], frontier.traced, 1e9, TEST, 5e13) < 0.0  # and no use there
