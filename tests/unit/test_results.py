"""Runs of a store: names of sources, defaults of its config, rows, and errors that name the key."""

from pathlib import Path

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.results import Runs, decompose_all, final_lengths, plot, rank
from epiplexity_jax.store import Store
from tests.unit.store.stored import make_history, make_row, make_store

STORE = Path(__file__).parents[1] / "data" / "store_v1"


@pytest.fixture(scope="module")
def stored():
    return Store.open(STORE)


@pytest.fixture(scope="module")
def runs(stored):
    return Runs(stored)


def test_sources_are_those_of_the_runs_and_others_are_refused(runs):
    assert len(runs) == len(runs.curves())
    for name in runs.sources:
        assert {curve.source for curve in runs.curves(name)} == {name}
    with pytest.raises(ConfigError, match="unknown source 'nothing'"):
        runs.curves("nothing")
    with pytest.raises(ConfigError, match="unknown source 'nothing'"):
        runs.frontiers(1e6, ["nothing"])
    with pytest.raises(ConfigError, match="unknown estimator 'nothing'"):
        runs.curves(estimator="nothing")


def test_decompositions_are_those_of_the_frontiers(runs):
    frontiers = runs.frontiers(1e6)
    assert list(frontiers) == runs.sources
    found = runs.decompositions(1e6, [1e9])
    assert [d.to_json() for d in found] == [f.at(1e9).to_json() for f in frontiers.values()]
    widest = max(frontiers.values(), key=lambda f: f.largest_compute)
    asked = [d.compute_flops for d in decompose_all(frontiers, None)]
    assert asked == widest.budgets() * len(frontiers)


def test_the_floor_table_has_every_variant_and_floor_of_a_source(runs):
    name = runs.sources[0]
    table = runs.floor_table(1e6, [1e9], sources=[name])
    choices = {(d.variant, d.floor) for d in table}
    assert len(table) == len(choices) > 1
    for d in table:
        own = runs.frontier(1e6, name, variant=d.variant, floor=d.floor)
        assert own.at(1e9).to_json() == d.to_json()


def test_a_recipe_has_no_value_where_the_family_has_several(tmp_path):
    store = Store.open(tmp_path, create=True)
    for size, name in ((16, "a"), (64, "b")):
        store.commit(
            make_row(name, batch_size=size, label_tokens_per_step=32 * size), make_history(2)
        )
    frontier = Runs(store).frontier(1e6)
    assert [member.batch_size for member in frontier.all_members] == [16, 64]
    found = frontier.at(1e12).to_json()["recipe"]
    assert (found["batch_size"], found["learning_rate"]) == (None, 0.03)


def test_rows_end_with_the_lengths_that_training_reported(runs, stored):
    rows = {row["run_id"]: row for row in runs.rows(1e6)}
    for run in stored.load():
        row = rows[run.row["run_id"]]
        assert final_lengths(run.row, run.history, 1e6) == {
            name: row[name] for name in ("model_bits", "data_bits")
        }
        trained = run.row["steps_done"] * run.row["label_tokens_per_step"]
        known = final_lengths(run.row, run.history, float(trained))
        assert final_lengths(run.row, run.history, None) == {"model_bits": known["model_bits"]}
        assert row["mdl_bits"] == row["model_bits"] + row["data_bits"]
        other = next(r for r in runs.rows(1e6, floor="raw") if r["run_id"] == row["run_id"])
        assert other["heldout_loss_nats"] == run.history["heldout_raw_loss_nats"][-1]


def test_a_run_of_an_older_version_has_no_losses_by_block(runs):
    run_id = runs.rows(1e6)[0]["run_id"]
    with pytest.raises(ConfigError, match=f"run_id: {run_id} has no losses by block, as an older"):
        runs.online_losses(run_id)
    with pytest.raises(ConfigError, match="run_id: unknown run 'nothing'"):
        runs.online_losses("nothing")


def test_a_picture_is_written_by_name_or_alone(runs, tmp_path):
    frontier = runs.frontier(1e6, runs.sources[0])
    alone, named = frontier.plot(tmp_path / "one.html"), plot({frontier.source: frontier})
    assert (tmp_path / "one.html").stat().st_size > 1000
    assert alone.to_dict() == named.to_dict()


def test_a_frontier_warns_of_held_out_sequences_that_training_reads(runs, monkeypatch):
    name = runs.sources[0]
    assert not [w for w in runs.frontier(1e6, name).warnings if "verbatim" in w]
    for run in runs._runs:
        monkeypatch.setitem(run.row, "heldout_verbatim_share", 0.2)
    (warning,) = [w for w in runs.frontier(1e6, name).warnings if "verbatim" in w]
    assert warning.startswith("20.0% of ")
    assert warning in runs.frontier(1e6, name).at(1e9).to_json()["warnings"]


def test_a_result_has_the_facts_of_its_runs(runs, monkeypatch):
    name = runs.sources[0]
    facts = {"heldout_split": "documents", "heldout_verbatim_share": 0.25}
    for run in runs._runs:
        for column, value in facts.items():
            monkeypatch.setitem(run.row, column, value)
        monkeypatch.setitem(run.row, "flops", "declared")
        monkeypatch.setitem(run.row, "flops_ratio", 1000.0 / run.row["params"])
    found = runs.frontier(1e6, name).at(6e9)
    assert found.to_json().items() >= facts.items()
    assert found.flops_ratio == 1000.0 / found.params
    assert runs.frontier(1e6, name).at(1.0).flops_ratio is None  # the uniform code


def test_runs_are_ranked_alone_or_by_their_folders(tmp_path):
    runs = Runs(make_store(tmp_path / "store"))
    one = runs.rank(1e6, [6e9])
    assert one.to_json() == rank(runs.path, 1e6, [6e9]).to_json()
    assert one.to_json() == rank([runs], 1e6, [6e9], sources=runs.sources).to_json()
    (ranking,) = one.rankings
    assert ranking.sources == runs.sources
    assert set(ranking.alternatives) > {"floor raw"}
    assert rank(runs, 1e6).rankings[0].budgets == tuple(
        dict.fromkeys(d.compute_flops for d in decompose_all(runs.frontiers(1e6), None))
    )
    with pytest.raises(ConfigError, match="unknown source 'nothing'"):
        runs.rank(1e6, sources=["nothing"])
    with pytest.raises(ConfigError, match="by: unknown measure 'nothing'"):
        runs.rank(1e6, by="nothing")
