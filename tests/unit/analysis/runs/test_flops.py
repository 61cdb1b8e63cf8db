"""Warnings on declared FLOPs that are far from the compiler's count."""

import pytest

from epiplexity_jax.analysis.runs.flops import flops_warnings
from tests.unit.store.stored import make_row


@pytest.mark.parametrize("ratio", [None, 0.91, 1.0, 1.09])
def test_a_small_difference_passes(ratio):
    assert flops_warnings([make_row(flops_ratio=ratio)]) == ()
    assert flops_warnings([]) == ()


def test_the_largest_difference_is_said_where_declared_flops_count():
    rows = [make_row(size=f"w{i}", flops_ratio=ratio) for i, ratio in enumerate((1.2, 0.5, None))]
    (said,) = flops_warnings(rows)
    assert "XLA counts 0.50 times as many for training w1" in said
    assert flops_warnings([row | {"flops": "compiled"} for row in rows]) == ()
