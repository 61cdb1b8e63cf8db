"""Identities: what a run's name is a hash of, and what a name of a source is no part of."""

import json

import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax import api
from epiplexity_jax.base.digest import json_digest
from epiplexity_jax.estimators.config import Prequential
from epiplexity_jax.estimators.prequential import PrequentialEstimator
from epiplexity_jax.store import Store
from epiplexity_jax.sweep import recipe
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.identity import identity_columns
from epiplexity_jax.sweep.plan import make_plan
from epiplexity_jax.sweep.progress import Silent

NOISE = epx.sources.Noise(vocab_size=4, length=8)
TRAINING = epx.Training(steps=6, batch_size=4)


def plan_of(*names):
    sources = {name: {"kind": "noise", "vocab_size": 4, "length": 8} for name in names}
    family = {"kind": "transformer", "widths": [8], "depths": [1], "seeds": 2}
    return make_plan(parse_sweep({"sources": sources, "family": family}), "cpu")


def test_names_are_hashes_of_values():
    run = identity_columns({"source": "a", "seed": 1, "steps": 5, "exact": True})
    assert run["run_id"] == json_digest(json.loads(run["identity"]))
    longer = identity_columns({"source": "a", "seed": 1, "steps": 9})
    assert longer["run_id"] != run["run_id"]
    assert longer["lineage"] == run["lineage"]
    other = identity_columns({"source": "a", "seed": 2, "steps": 5, "exact": True})
    assert other["member"] == run["member"] == longer["member"]
    assert other["lineage"] != run["lineage"]


def test_the_name_of_a_source_is_no_part_of_a_run():
    before, after = plan_of("noise"), plan_of("static")
    assert [run.run_id for run in before.runs] == [run.run_id for run in after.runs]
    assert len({run.row["member"] for run in before.runs}) == 1


def test_the_same_data_under_two_names_makes_two_runs():
    plan = plan_of("first", "second")
    assert len({run.run_id for run in plan.runs}) == len(plan.runs) == 4
    assert {run.run_id for run in plan_of("first").runs} < {run.run_id for run in plan.runs}


@pytest.mark.parametrize(
    "family",
    [
        epx.families.Transformer(widths=(8,), depths=(1,), seeds=2),
        epx.families.Ngram(orders=(1,), seeds=2),
    ],
)
def test_a_store_explains_its_runs_and_a_renamed_source_is_not_trained_again(family, tmp_path):
    options = {"store": tmp_path / "store", "training": TRAINING, "recipe": "fixed"}
    epx.run({"noise": NOISE}, family, **options)
    before = Store.open(tmp_path / "store").finished()
    for run_id, row in before.items():
        values = json.loads(row["identity"])
        assert json_digest(values) == run_id
        assert (values["steps"], values["seed"]) == (6, row["seed"])
        layout = json.loads(row["layout"])
        assert (layout["platform"], layout["members"] <= len(before)) == ("cpu", True)
        assert layout["xla_flags"] is not None
    runs = epx.run({"static": NOISE}, family, **options)
    after = Store.open(tmp_path / "store").finished()
    assert {i: row["created"] for i, row in after.items()} == {
        i: row["created"] for i, row in before.items()
    }
    assert runs.sources == ["static"]


def test_held_out_data_are_named_where_they_are_not_the_default_ones(tmp_path):
    """The defaults written out, or what changes nothing for rows, leave a run's name as it was."""
    text, rows = tmp_path / "text.npy", tmp_path / "rows.npy"
    tokens = np.random.default_rng(0).integers(0, 200, (400, 8))
    np.save(text, tokens.ravel())
    np.save(rows, tokens)

    def runs_of(path, **heldout):
        sweep = {
            "sources": {"a": {"kind": "tokens", "path": str(path), "length": 8}},
            "family": {"kind": "transformer", "widths": [8], "depths": [1], "seeds": 1},
            "training": {"steps": 4, "batch_size": 4},
            "heldout": heldout,
        }
        (run,) = make_plan(parse_sweep(sweep), "cpu").runs
        return run.run_id, json.loads(run.row["identity"])

    default, values = runs_of(text)
    assert not {"heldout_split", "heldout_duplicates"} & set(values)
    assert runs_of(text, split="windows", duplicates="keep")[0] == default
    named = [runs_of(text, split="documents")[0], runs_of(text, duplicates="drop")[0]]
    assert len({default, *named}) == 3
    assert runs_of(rows, split="documents")[0] == runs_of(rows)[0]
    assert runs_of(rows, duplicates="drop")[0] != runs_of(rows)[0]


@pytest.mark.parametrize(
    "family",
    [{"kind": "ngram", "orders": [1]}, {"kind": "transformer", "widths": [8], "depths": [1]}],
    ids=lambda family: family["kind"],
)
def test_fields_of_an_own_estimator_are_part_of_a_run(family, monkeypatch):
    class Thresholded(Prequential):
        threshold: float = 0.0

    monkeypatch.setattr(recipe, "open_estimator", PrequentialEstimator)
    base = parse_sweep(
        {
            "sources": {"noise": {"kind": "noise", "vocab_size": 4, "length": 8}},
            "family": family | {"seeds": 1},
            "recipe": "fixed",
            "training": {"steps": 4, "batch_size": 4},
        }
    )
    plans = [
        make_plan(base.model_copy(update={"estimator": own}), "cpu")
        for own in (Thresholded(), Thresholded(threshold=1.0), Thresholded(floor="raw"))
    ]
    one, other, read_otherwise = (found.runs[0].run_id for found in plans)
    assert one != other
    assert one == read_otherwise


def test_a_store_is_replayed_by_its_own_config(tmp_path):
    first = epx.run(
        {"noise": NOISE},
        epx.families.Transformer(widths=(8,), depths=(1,), seeds=2),
        recipe="fixed",
        steps=6,
        training=epx.Training(batch_size=4),
        heldout=epx.Heldout(tokens=2048),
        frontier=epx.FrontierOptions(test_tokens=1e6),
        store=tmp_path / "first",
    )
    again = api.run_config(tmp_path / "first" / "sweep.yaml", [], tmp_path / "again", Silent())
    known = ("run_id", "model_bits", "data_bits", "heldout_loss_nats")
    assert [[row[name] for name in known] for row in again.rows()] == [
        [row[name] for name in known] for row in first.rows()
    ]
