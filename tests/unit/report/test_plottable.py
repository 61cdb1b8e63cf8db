"""Results draw themselves, and write the picture where a path is given."""

from epiplexity_jax.analysis.ranking.observers import Measured, rankings_of
from epiplexity_jax.report.plottable import PlottableRankings, plot
from tests.unit.analysis.ranking.made import flat, source
from tests.unit.report.results_made import diverged, learnt


def test_rankings_and_frontiers_are_written(tmp_path):
    frontiers = {"noise": flat(0), "cipher": flat(1)}
    budgets = [0.5 * flat(0).largest_compute, 0.9 * flat(0).largest_compute]
    found = rankings_of([Measured("x", "mlp", frontiers)], "S", budgets)
    PlottableRankings(found.rankings, found.changes).plot(tmp_path / "order.svg")
    assert plot(frontiers).to_dict()
    drawn = (tmp_path / "order.svg").read_text(encoding="utf-8")
    assert "cipher" in drawn


def ranked(budgets):
    found = rankings_of([Measured("x", "mlp", {"<b>x": source(1), "flat": flat(1)})], "S", budgets)
    return PlottableRankings(found.rankings, found.changes)


def test_a_frontier_is_shown_as_picture_table_and_warnings():
    frontier = learnt("<b>x")
    bundle = frontier._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/png"}
    html = bundle["text/html"]
    assert html.index("<img") < html.index("<table") < html.index("<li>")
    assert html.count("&lt;b&gt;x</td>") == len(frontier.budgets())
    assert "<b>" not in html
    assert repr(frontier).startswith(f"<Frontier of <b>x: {len(frontier.compute)} vertices, ")


def test_a_frontier_without_members_is_shown_and_framed():
    frontier = diverged()
    bundle = frontier._repr_mimebundle_()
    assert "every run diverged" in bundle["text/html"]
    assert "<table" not in bundle["text/html"]
    assert "image/png" in bundle  # of the uniform code
    assert repr(frontier).startswith("<Frontier of toy: 0 vertices, no FLOPs; prequential, ")
    assert frontier.to_arrow().num_rows == frontier.to_pandas().shape[0] == 0
    assert frontier.to_arrow().schema == learnt().to_arrow().schema


def test_a_frame_of_a_frontier_has_its_vertices():
    frontier = learnt()
    table = frontier.to_arrow()
    assert table.num_rows == len(frontier.compute) > 1
    names = {"compute_flops": "compute", "member": "members"}
    for name in table.column_names[1:]:
        assert table[name].to_pylist() == list(getattr(frontier, names.get(name, name)))
    assert set(table["source"].to_pylist()) == {"toy"}
    sums = frontier.to_pandas()
    assert (sums["epiplexity_bits"] + sums["entropy_bits"]).tolist() == sums["mdl_bits"].tolist()
    assert frontier.to_polars().to_dicts() == table.to_pylist()


def test_rankings_are_shown_as_picture_order_pairs_and_sentences():
    rankings = ranked([share * flat(1).largest_compute for share in (0.5, 0.9)])
    bundle = rankings._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/png"}
    assert "&lt;b&gt;x" in bundle["text/html"]
    assert "<b>" not in bundle["text/html"]
    assert "no separated pair changes its order" in bundle["text/html"]
    assert bundle["text/plain"].startswith("<Rankings: mlp by S at ")
    table = rankings.to_arrow()
    rows = rankings.to_json()["rank"]
    assert table["source"].to_pylist() == [row["source"] for row in rows]
    assert table["rank"].to_pylist() == [1, 2, 1, 2]
    assert table["value"].to_pylist() == [row["value"] for row in rows]


def test_rankings_without_budgets_are_shown_without_a_picture():
    rankings = ranked([])
    assert set(rankings._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert repr(rankings) == "<Rankings: mlp: no budget>"
    assert rankings.to_arrow().num_rows == 0
