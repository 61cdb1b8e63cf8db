"""Results draw themselves, and write the picture where a path is given."""

from epiplexity_jax.analysis.ranking.observers import Measured, rankings_of
from epiplexity_jax.report.plottable import PlottableRankings, plot
from tests.unit.analysis.ranking.made import flat


def test_rankings_and_frontiers_are_written(tmp_path):
    frontiers = {"noise": flat(0), "cipher": flat(1)}
    budgets = [0.5 * flat(0).largest_compute, 0.9 * flat(0).largest_compute]
    found = rankings_of([Measured("x", "mlp", frontiers)], "S", budgets)
    PlottableRankings(found.rankings, found.changes).plot(tmp_path / "order.svg")
    assert plot(frontiers).to_dict()
    drawn = (tmp_path / "order.svg").read_text(encoding="utf-8")
    assert "cipher" in drawn
