"""Codes of edges with their legend, and lines for the growth of S."""

from dataclasses import replace

import pytest

from epiplexity_jax.report.edges import edge_codes, edge_legend, growth_line, status_cell
from tests.unit.analysis.frontier.test_decomposition import uniform

OF = {
    (): "",
    ("edge_size", "smallest_size"): "N-",
    ("edge_size", "smallest_size", "largest_size", "edge_steps"): "N- N+ D+",
    ("bridged", "carried"): "drop T+",
    ("edge_rate", "edge_batch"): "rate batch",
    ("below_cheapest",): "T-",
}


@pytest.mark.parametrize("flags", OF)
def test_flags_have_codes_and_the_legend_those_that_occur(flags):
    assert edge_codes(flags) == OF[flags]
    assert status_cell(uniform(flags=flags)) == f"untrained {OF[flags]}".strip()
    legend = edge_legend([uniform(flags=()), uniform(flags=flags)])
    assert all(code in legend for code in edge_codes(flags).split())
    assert bool(legend) == bool(edge_codes(flags))


@pytest.mark.parametrize(
    ("value", "interval", "shown"),
    [
        (0.1234, (0.1, 0.1468), "0.12 ±0.02"),
        (0.1234, (0.0987, None), "0.12 (≥ 0.1)"),
        (0.1234, (None, None), "0.12 (open)"),
        (-0.1234, None, "-0.12"),
    ],
)
def test_growth_is_shown_at_one_budget(value, interval, shown):
    known = uniform(saturation=value, saturation_interval=interval)
    other = replace(known, compute_flops=2e9)
    assert growth_line([known, other, uniform()], 1e9) == f"d log S/d log T at 1e9: source {shown}"
    assert growth_line([uniform()], 1e9) == ""
