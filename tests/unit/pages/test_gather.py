"""What a report rests on: names, options, orders, and what is refused."""

import pytest

from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.pages.gather import gather
from epiplexity_jax.results import load
from tests.unit.store.stored import make_history, make_row, make_store


def test_a_store_is_read_with_everything(small, folder):
    runs = load(folder / "small")
    assert list(small.frontiers) == ["text", "noise"]
    assert [one.name for one in small.stores] == ["small"]
    assert small.stores[0].config == (folder / "small" / "sweep.yaml").read_text(encoding="utf-8")
    assert small.results == runs.decompositions()
    assert small.largest == max(one.compute_flops for one in small.results)
    assert [one.source for one in small.at_largest()] == ["text", "noise"]
    assert {name: len(curves) for name, curves in small.curves.items()} == {"text": 4, "noise": 4}
    assert {one.compute_flops for one in small.floors} == {small.largest}
    assert {(one.variant, one.floor) for one in small.floors} >= {
        ("paired", "ema"),
        ("online", "raw"),
    }
    (ranking,) = small.rankings.rankings
    assert (ranking.sources, ranking.budgets) == (["text", "noise"], tuple(small.budgets))
    assert small.unranked == ""


def test_why_there_is_no_law_is_kept_and_a_law_is_found(small, law):
    assert set(small.unfitted) == {"text", "noise"}
    assert "2 sizes of model, expected 3 or more" in small.unfitted["text"]
    assert small.laws == {}
    assert (list(law.laws), law.unfitted) == (["text"], {})
    assert law.laws["text"].setting.procedure == "fitted"


def test_one_source_has_no_order_and_no_reason(law):
    assert law.rankings is None
    assert law.unranked == ""


def test_sources_of_one_name_get_that_of_their_store(both):
    names = ["small: text", "small: noise", "other: text", "other: noise"]
    assert list(both.frontiers) == list(both.curves) == names
    assert [frontier.source for frontier in both.frontiers.values()] == names
    assert [one.source for one in both.at_largest()] == names
    assert [one.observer for one in both.rankings.rankings] == [
        "transformer, small",
        "transformer, other",
    ]


def test_a_source_that_one_store_has_keeps_its_name(folder):
    found = gather([folder / "small", folder / "law"], [3.0e9], thorough=False)
    assert list(found.frontiers) == ["small: text", "noise", "law: text"]
    assert found.rankings is None
    assert found.unranked == (
        "rank: the observer 'transformer, law' measured text alone; datasets compare within one "
        "observer: a family, and stores that hold different sources of it"
    )


def test_some_sources_have_their_runs_alone(folder, both):
    found = gather([folder / "small"], [6.0e9], ["text"], thorough=False)
    assert list(found.frontiers) == ["text"]
    assert [row["source"] for row in found.stores[0].rows] == 4 * ["text"]
    found = gather([folder / "small", folder / "other"], [6.0e9], ["text"], thorough=False)
    assert list(found.frontiers) == ["small: text", "other: text"]
    assert found.unranked.startswith("rank: ")


def test_less_is_read_where_it_has_to_be_quick(folder, small):
    found = gather([folder / "small"], thorough=False)
    assert (list(found.floors), found.laws, found.unfitted) == ([], {}, {})
    assert found.results == small.results


def test_options_reach_the_frontiers_the_rows_and_the_order(folder):
    options = {"variant": "online", "floor": "raw", "test_tokens": 2.0e6, "procedure": "raw"}
    found = gather([folder / "small"], [6.0e9, 3.0e9], **options)
    for frontier in found.frontiers.values():
        assert {name: getattr(frontier.setting, name) for name in options} == options
    (ranking,) = found.rankings.rankings
    assert {name: getattr(ranking.frontiers["text"].setting, name) for name in options} == options
    for row in found.stores[0].rows:
        assert (row["variant"], row["floor"], row["test_tokens"]) == ("online", "raw", 2.0e6)
    assert {(one.procedure, one.test_tokens) for one in found.floors} == {("raw", 2.0e6)}
    assert found.budgets == [3.0e9, 6.0e9]


def test_no_store_is_refused():
    with pytest.raises(ConfigError, match="stores: expected at least one"):
        gather([])


def test_a_folder_that_is_given_twice_is_refused(folder):
    with pytest.raises(StoreError, match="a folder is given twice; name each store once"):
        gather([folder / "small", folder / "law" / ".." / "small"])


def test_two_folders_of_one_name_with_one_source_are_refused(folder, tmp_path):
    make_store(tmp_path / "small")
    with pytest.raises(StoreError, match="two folders of one name hold one source"):
        gather([folder / "small", tmp_path / "small"])


def test_an_unknown_source_is_refused(folder):
    with pytest.raises(ConfigError) as refused:
        gather([folder / "small"], sources=["code"])
    assert str(refused.value) == "source: 'code' is in none of the stores, only text, noise"


def test_a_folder_without_a_store_is_refused(tmp_path):
    with pytest.raises(StoreError, match="nowhere"):
        gather([tmp_path / "nowhere"])


def test_test_tokens_that_are_not_known_are_asked_for(tmp_path):
    store = make_store(tmp_path / "x", "sources: {text: {}, noise: {}}\n")
    with pytest.raises(ConfigError, match="test_tokens: not known"):
        gather([store.path])


def test_a_store_of_diverged_runs_has_no_budget(tmp_path):
    store = make_store(tmp_path / "x")
    for file in (tmp_path / "x" / "histories").iterdir():
        file.unlink()
    (tmp_path / "x" / "runs.parquet").unlink()
    store.commit(make_row(status="diverged", message="loss NaN", steps_done=5), make_history(4))
    with pytest.raises(StoreError, match="every run diverged, so there is no budget"):
        gather([tmp_path / "x"])
