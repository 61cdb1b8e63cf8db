"""A source that is not what it was is noticed, before any run of it has finished too."""

from dataclasses import replace

import pytest

from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.identity import NUMERICS
from epiplexity_jax.sweep.plan import make_plan
from epiplexity_jax.sweep.provenance import changed_sources, outdated_runs, provenance
from tests.unit.store.stored import make_history, make_row


def plan_of(vocab_size):
    sweep = {
        "sources": {
            "noise": {"kind": "noise", "vocab_size": vocab_size, "length": 8},
            "same": {"kind": "noise", "vocab_size": 4, "length": 8},
        },
        "family": {"kind": "ngram", "orders": [0]},
    }
    return make_plan(parse_sweep(sweep), "cpu")


def test_a_source_that_changed_since_an_earlier_start_is_said(tmp_path):
    store = Store.open(tmp_path / "store", create=True)
    before, after = plan_of(4), plan_of(5)
    assert changed_sources(before.datasets, store) == []
    store.note_start(provenance(before, "2 x cpu"))
    assert changed_sources(before.datasets, store) == []
    said = ["source 'noise' is not what runs in this store were trained on; it is trained anew"]
    assert changed_sources(after.datasets, store) == said
    store.note_start(provenance(after, "2 x cpu"))
    assert changed_sources(before.datasets, store) == changed_sources(after.datasets, store) == []


def test_names_that_change_places_are_no_change(tmp_path):
    store = Store.open(tmp_path / "store", create=True)
    plan = plan_of(5)
    store.note_start(provenance(plan, "2 x cpu"))
    one, other = plan.datasets
    swapped = [replace(one, name=other.name), replace(other, name=one.name)]
    assert changed_sources(swapped, store) == []


def test_damaged_lines_are_left_out(tmp_path):
    store = Store.open(tmp_path / "store", create=True)
    store.note_start({"sources": ["noise"]})
    with (store.path / "provenance.jsonl").open("ab") as file:
        file.write(b'"words"\n{"sources": {"noise": ')
    store.note_start(provenance(plan_of(4), "2 x cpu"))
    assert len(store.starts()) == 2
    assert len(changed_sources(plan_of(5).datasets, store)) == 1


@pytest.mark.parametrize("identity", [None, '{"numerics": 0}'])
def test_runs_of_an_older_version_are_said_to_be_trained_anew(tmp_path, identity):
    store = Store.open(tmp_path / "store", create=True)
    now = f'{{"numerics": {NUMERICS}}}'
    store.commit(make_row("now", identity=now), make_history())
    store.commit(make_row("left", identity=identity, current=False), make_history())
    assert outdated_runs(store) == []
    store.commit(make_row("old", identity=identity), make_history())
    (said,) = outdated_runs(store)
    assert said.startswith("a run of this store is of an older version with other run ids")
    store.commit(make_row("older", identity=identity), make_history())
    (said,) = outdated_runs(store)
    assert said.startswith("2 runs of this store are of an older version with other run ids")
