"""Sides of intervals that an optimum at an edge opens; the flags are tested in test_decomposing."""

import pytest

from epiplexity_jax.analysis.frontier.edges import open_sides

PAIRS = ((1.0, 2.0), (3.0, 4.0), (4.0, 6.0))


@pytest.mark.parametrize(
    ("flags", "model", "data", "mdl"),
    [
        ((), *PAIRS),
        (("bridged",), *PAIRS),
        (("edge_rate",), *PAIRS[:2], (None, 6.0)),
        (("edge_batch",), *PAIRS[:2], (None, 6.0)),
        (("edge_size", "largest_size"), (1.0, None), (None, 4.0), (None, 6.0)),
        (("edge_steps",), (1.0, None), (None, 4.0), (None, 6.0)),
        (("edge_size", "smallest_size"), (None, 2.0), (3.0, None), (None, 6.0)),
        (("smallest_size", "largest_size"), (None, None), (None, None), (None, 6.0)),
    ],
)
def test_a_larger_family_may_only_shorten_the_code(flags, model, data, mdl):
    assert open_sides(*PAIRS, flags) == (model, data, mdl)


def test_without_replicates_no_interval_is_made_up():
    assert open_sides(None, None, None, ("edge_steps",)) == (None, None, None)
