"""The live view: its words for every state, and when its page is made anew."""

import json
import os
import socket
import time
from dataclasses import replace

import pytest

from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.pages import live as module
from epiplexity_jax.pages.live import LiveView, is_trained_into
from epiplexity_jax.store import Store
from epiplexity_jax.store.sweep_state import SweepState, SweepStatus, write_state
from tests.unit.store.stored import make_history, make_law_store, make_row

STATE = SweepState(
    status=SweepStatus.TRAINING,
    process=os.getpid(),
    host=socket.gethostname(),
    started=0.0,
    updated=0.0,
    runs=8,
    done=3,
    member_steps=800,
    steps_done=200,
    tokens=12345,
    seconds_left=600.0,
    losses={"text, seed 0": 1.5},
    messages=["one", "two"],
    command=["run", "a b.yaml"],
)
SAID = {
    "training": ({}, "Training: 3 of 8 runs are finished; about 10 min left."),
    "no rate yet": ({"seconds_left": None}, "Training: 3 of 8 runs are finished."),
    "prepared": ({"runs": 0, "done": 0}, "The sweep is being prepared."),
    "lost": (
        {"process": 2**22 + 1},
        f"The sweep has stopped without saying why: process {2**22 + 1} is gone. 3 of 8 runs are "
        "finished. The same command goes on: epiplexity-jax run 'a b.yaml'",
    ),
    "stopped": (
        {"status": SweepStatus.STOPPED},
        "The sweep was stopped. 3 of 8 runs are finished. The same command goes on: epiplexity-jax "
        "run 'a b.yaml'",
    ),
    "stopped Python": (
        {"status": SweepStatus.STOPPED, "command": ()},
        "The sweep was stopped. 3 of 8 runs are finished. The same command goes on",
    ),
    "failed": (
        {"status": SweepStatus.FAILED, "message": "x: the disk is full"},
        "The sweep has failed: x: the disk is full",
    ),
    "finished": ({"status": SweepStatus.FINISHED, "done": 8}, "The sweep is finished."),
}


pytestmark = pytest.mark.usefixtures("few_stops")


def empty(path):
    """A store into which no run was written yet."""
    store = Store.open(path, create=True)
    store.write_config("sources: {text: {}}\nfrontier: {test_tokens: 1.0e6}\n")
    return store


@pytest.fixture
def view(tmp_path, monkeypatch):
    """A view of an empty store, which looks as often as it is asked."""
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    monkeypatch.setattr(module, "_SHARE", 0.0)
    return LiveView(empty(tmp_path / "two words").path)


@pytest.mark.parametrize("name", SAID)
def test_every_state_is_said(view, name):
    changes, words = SAID[name]
    write_state(view.store, replace(STATE, **changes))
    state = view.state()
    assert state["text"] == words
    assert set(state) == {"text", "version", "share", "numbers", "losses", "messages", "ended"}
    assert json.loads(json.dumps(state, allow_nan=False)) == state


def test_the_state_has_share_numbers_losses_and_messages(view):
    write_state(view.store, replace(STATE, updated=time.time() - 65.0))
    state = view.state()
    assert state["share"] == 0.25
    assert state["numbers"] == "12,345 tokens trained; last heard of 65 s ago"
    assert state["losses"] == ["text, seed 0: 1.500 nats/token"]
    assert state["messages"] == ["one", "two"]
    assert not state["ended"]


def test_the_share_is_never_more_than_all(view):
    write_state(view.store, replace(STATE, steps_done=900))
    assert view.state()["share"] == 1.0
    write_state(view.store, replace(STATE, member_steps=0, steps_done=0))
    assert view.state()["share"] == 0.0


def test_a_clock_that_runs_behind_gives_no_time_below_zero(view):
    write_state(view.store, replace(STATE, updated=time.time() + 100.0))
    assert view.state()["numbers"].endswith("last heard of 0 s ago")


def test_without_a_state_nothing_trains(view):
    state = view.state()
    assert state["text"] == "Nothing trains into this store now."
    assert (state["version"], state["ended"]) == ("", False)


def test_before_the_first_run_a_page_waits(view):
    write_state(view.store, STATE)
    assert not view.refresh()
    assert "No run has finished yet." in view.html
    assert "A sweep in training: two words" in view.html
    assert '<section id="live"' in view.html
    assert "two words&#39;" in view.html  # the command that serves it again
    assert view.revision == view.state()["version"]
    assert view.revision


def test_a_page_says_why_runs_cannot_be_shown(view):
    (view.store / "sweep.yaml").write_text("sources: {text: {}}\n", encoding="utf-8")
    Store.open(view.store).commit(make_row(), make_history())
    view.refresh()
    assert "The runs cannot be shown: test_tokens: not known" in view.html


def test_a_page_is_made_anew_only_when_runs_were_added(view):
    write_state(view.store, STATE)
    assert not view.refresh()
    first, begun = view.html, view.revision
    assert not view.refresh()
    assert (view.html, view.revision) == (first, begun)
    Store.open(view.store).commit(make_row("a"), make_history(8))
    assert not view.refresh()
    second = view.revision
    assert second != begun
    assert "What a model can learn from text" in view.html
    assert f'"revision":"{second}"' in view.html
    view.refresh()
    assert view.revision == second


def test_another_server_has_other_names_for_its_states(view):
    write_state(view.store, STATE)
    other = LiveView(view.store)
    view.refresh()
    other.refresh()
    assert view.revision != other.revision


def test_a_page_is_not_made_more_often_than_it_is_worth(view, monkeypatch):
    monkeypatch.setattr(module, "_PAUSE", 1e6)
    write_state(view.store, STATE)
    view.refresh()
    first = view.revision
    Store.open(view.store).commit(make_row("a"), make_history(8))
    assert not view.refresh()
    assert view.revision == first
    write_state(view.store, replace(STATE, status=SweepStatus.FINISHED))
    assert view.refresh()
    assert view.revision != first


def test_the_last_page_has_everything(tmp_path):
    store = make_law_store(tmp_path / "x", (1000, 4000)).path
    write_state(store, STATE)
    view = LiveView(store, test_tokens=2.0e6)
    assert not view.refresh()
    assert 'id="table-floors"' not in view.html
    assert "a dataset of 2e6 tokens" in view.html
    assert not view.state()["ended"]
    write_state(store, replace(STATE, status=SweepStatus.FINISHED))
    assert not view.state()["ended"]  # the last page is still to come
    assert view.refresh()
    assert 'id="table-floors"' in view.html
    assert view.state()["ended"]
    assert view.state()["share"] == 1.0
    last = view.revision
    assert view.refresh()
    assert view.revision == last


def test_the_answer_settles_as_runs_finish(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    monkeypatch.setattr(module, "_SHARE", 0.0)
    store = make_law_store(tmp_path / "x", (1000, 4000))
    write_state(store.path, STATE)
    view = LiveView(store.path)
    view.refresh()
    assert 'data-chart="settling"' not in view.html
    rows = [run.row for run in store.load() if run.row["source"] == "text"]
    store.commit(rows[0] | {"run_id": "text-1000-2", "seed": 2}, make_history(8))
    view.refresh()
    assert 'data-chart="settling"' in view.html
    assert "with its interval, as runs finish." in view.html


def test_a_sweep_that_goes_on_or_may_go_on_can_be_watched(tmp_path):
    store = empty(tmp_path / "x").path
    assert not is_trained_into(store)
    for status in SweepStatus:
        write_state(store, replace(STATE, status=status))
        assert is_trained_into(store) == (status != SweepStatus.FINISHED)
    with pytest.raises(StoreError, match="nowhere"):
        is_trained_into(tmp_path / "nowhere")
