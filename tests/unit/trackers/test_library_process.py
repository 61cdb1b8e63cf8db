"""The process of Weights & Biases without its library."""

import sys

import pytest

from epiplexity_jax.trackers import library_process


class Library:
    """Weights & Biases with a key and without network: the first online run fails."""

    class Error(Exception):
        pass

    Settings = dict

    def __init__(self):
        self.begun, self.torn_down = [], 0

    def init(self, **options):
        self.begun.append(options)
        if options["mode"] is None:
            raise self.Error("no network")
        return type("Run", (), {"starting_step": 0, "log": lambda *a, **k: None})()

    def teardown(self):
        self.torn_down += 1


@pytest.mark.parametrize("chosen", [None, "online"])
def test_without_network_it_is_offline_unless_the_user_chose(chosen, monkeypatch):
    library = Library()
    monkeypatch.setitem(sys.modules, "wandb", library)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    if chosen:
        monkeypatch.setenv("WANDB_MODE", chosen)
    sink = library_process._Wandb({"project": "p", "entity": None, "store": "store"})
    series = {"id": "1", "name": "n", "group": "g", "config": {}}
    if chosen:
        with pytest.raises(Library.Error):
            sink.log(series, 0, {})
        return
    sink.log(series, 0, {})
    sink.log(series | {"id": "2"}, 0, {})
    assert [run["mode"] for run in library.begun] == [None, "offline", "offline"]
    assert [run["id"] for run in library.begun] == ["1", "1", "2"]
    assert {(run["group"], run["resume"]) for run in library.begun} == {("g", "allow")}
    assert library.torn_down == 1
