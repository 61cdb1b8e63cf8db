"""Warnings on held-out sequences that training may have read."""

import pytest

from epiplexity_jax.analysis.runs.verbatim import verbatim_warnings
from tests.unit.store.stored import make_row


@pytest.mark.parametrize("share", [None, 0.0, 0.05])
def test_a_small_share_passes(share):
    assert verbatim_warnings([make_row(heldout_verbatim_share=share)]) == ()
    assert verbatim_warnings([]) == ()


def test_the_largest_share_is_counted():
    rows = [make_row(heldout_verbatim_share=share) for share in (0.01, 0.207, None, 0.1)]
    assert verbatim_warnings(rows) == (
        "20.7% of 128 held-out sequences occur verbatim in the training part, so H_T is lower than "
        "on new data; set heldout.duplicates: drop, or remove repeats from the data",
    )
