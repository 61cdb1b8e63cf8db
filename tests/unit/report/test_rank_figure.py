"""The picture of a ranking: every source, letter and bar, for one observer and several."""

import re

import pytest

from epiplexity_jax.analysis import Ranking
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.report.figures import save
from epiplexity_jax.report.rank_figure import rank_chart
from tests.unit.analysis.ranking.made import flat, like, middle, source


@pytest.fixture(scope="module")
def three():
    frontiers = {"one": source(1), "same": source(2), "more": source(3, share=2.0)}
    budget = middle(*frontiers.values())
    return Ranking(frontiers, "S", [0.9 * budget, budget], "law")


def words(path):
    drawn = path.read_text(encoding="utf-8")
    assert "NaN" not in drawn
    assert "Infinity" not in drawn
    return [re.sub("<.*?>", "", found) for found in re.findall("<text.*?</text>", drawn)]


def test_every_source_and_letter_is_drawn(three, tmp_path):
    save(rank_chart([three]), tmp_path / "x.svg")
    found = words(tmp_path / "x.svg")
    assert {"one", "same", "more", "S_T", "Order"} <= set(found)
    letters = [place.group for order in three.orders for place in order.places]
    assert sorted(word for word in found if word in set(letters)) == sorted(letters)


def test_a_bar_joins_each_group_of_several(three):
    drawn = rank_chart([three]).to_dict()
    _, ranks = drawn["vconcat"][0]["hconcat"]
    bars = [layer for layer in ranks["layer"] if layer["mark"]["type"] == "rule"]
    several = [group for order in three.orders for group in order.groups if len(group) > 1]
    assert sum(len(layer["data"]["values"]) for layer in bars) == len(several)


@pytest.mark.parametrize("by", ["H", "MDL", "S-per-byte"])
def test_other_values_and_noise_alone_can_be_drawn(by, tmp_path):
    frontiers = {f"noise {i}": like(flat(i), bytes_per_token=1.0) for i in range(2)}
    ranking = Ranking(frontiers, by, [0.9 * flat(0).largest_compute], "mlp")
    save(rank_chart([ranking]), tmp_path / "x.svg")
    assert {"noise 0", "noise 1"} <= set(words(tmp_path / "x.svg"))


def test_observers_have_a_row_each(three, tmp_path):
    other = Ranking(three.frontiers, "S", three.budgets[:1], "other")
    save(rank_chart([three, other]), tmp_path / "x.svg")
    assert {"law: Order", "other: Order"} <= set(words(tmp_path / "x.svg"))


def test_a_picture_of_no_budget_is_refused():
    with pytest.raises(ConfigError, match="no budget"):
        rank_chart([])
