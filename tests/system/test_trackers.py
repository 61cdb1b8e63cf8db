"""Trackers beside a sweep: its numbers stay as they are, whatever the trackers do."""

import json
import threading

import pytest
import yaml

import epiplexity_jax as epx
from epiplexity_jax import api
from epiplexity_jax.base.units import nats_to_bits
from epiplexity_jax.checkpoints.keeper import WaveCheckpointHook
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.sweep import tracking
from tests.system.sweeps import Listener, histories, results, train
from tests.system.test_faults import CONFIG, SEEDS, STEPS


class Sink:
    """Remembers what it is told; raises, or blocks for good, at the n-th call of a method."""

    def __init__(self, method="", call=1, blocks=False):
        self.fails_at, self.blocks = (method, call), blocks
        self.calls, self.logged, self.ended = [], {}, {}

    def _called(self, method):
        self.calls.append(method)
        if (method, self.calls.count(method)) == self.fails_at:
            if self.blocks:
                threading.Event().wait()
            raise OSError(28, "no matter")

    def start(self, store):
        self._called("start")

    def log(self, series, step, values):
        self._called("log")
        self.logged.setdefault(series.id, []).append((series, step, values))

    def finish(self, series, summary):
        self._called("finish")
        self.ended[series.id] = summary

    def close(self):
        self._called("close")


@pytest.fixture(name="config")
def _config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    return path


def check(sink, row, stored):
    """A run's numbers as a sink was told them are those of its history."""
    logged = sink.logged[row["run_id"]]
    history = stored.history(row["run_id"])
    assert [step for _, step, _ in logged] == history["step"].tolist()
    for i, (series, _, values) in enumerate(logged):
        assert series.config.items() >= {name: row[name] for name in ("source", "seed")}.items()
        assert values["train_tokens"] == history["train_tokens"][i]
        assert values["spent_flops"] == history["spent_flops"][i]
        assert values["heldout_loss_bits"] == nats_to_bits(history["heldout_loss_nats"][i])
    online = sum(
        values.get("online_loss_bits", 0.0) * (after - before)
        for (_, _, values), before, after in zip(
            logged[1:], history["label_tokens"][:-1], history["label_tokens"][1:], strict=True
        )
    )
    assert online == pytest.approx(nats_to_bits(history["online_loss_sum_nats"][-1]))
    assert sink.ended[row["run_id"]].items() >= {"status": "finished", "steps_done": STEPS}.items()
    for name in ("model_bits", "data_bits"):
        assert sink.ended[row["run_id"]][name] == row[name]


def test_trackers_change_nothing_and_cannot_fail_a_sweep(config, tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "_CLOSING", 1.5)
    monkeypatch.setattr(tracking, "_EVERY", 0.0)
    _, wanted = train(config, tmp_path / "alone")
    sound = Sink()
    bad = [Sink("start"), Sink("log", 2), Sink("close"), Sink("log", 3, blocks=True)]
    told, sinks = Listener(), [sound, *bad]
    store = tmp_path / "store"
    (store / "histories").mkdir(parents=True)
    (store / "metrics.jsonl").mkdir()  # where its file belongs
    sweep = api.parse_sweep(CONFIG | {"trackers": ["jsonl"]})
    runs = api._run_sweep(sweep, store, told, sinks)
    assert results(runs) == wanted
    assert sorted(histories(store)) == sorted(histories(tmp_path / "alone"))
    given_up = "tracker Sink: given up, No space left on device"
    assert sorted(said.replace(str(store), "") for said in told.said[:-2]) == sorted(
        [given_up, given_up, given_up, "tracker jsonl: given up, /metrics.jsonl: Is a directory"]
    )
    assert told.said[-2] == "tracker Sink: still busy, and not waited for"
    assert told.said[-1].endswith("records are left out")
    assert [sink.calls[-1] for sink in bad] == ["start", "log", "close", "log"]
    assert bad[1].calls.count("log") == 2
    assert len(runs.rows()) == SEEDS
    for row in runs.rows():
        check(sound, row, api.Store.open(store))
    (rates,) = [series for key, series in sound.logged.items() if key not in sound.ended]
    assert rates[-1][1] == SEEDS * STEPS
    assert all(values["tokens_per_second"] > 0 for _, _, values in rates)
    # A finished sweep has nothing to tell.
    silent = Sink()
    api._run_sweep(sweep, store, told, [silent])
    assert silent.calls == []


def test_a_sweep_that_goes_on_tells_every_step_once(config, tmp_path, monkeypatch):
    """Interrupted behind a checkpoint, and again behind steps that no checkpoint has."""
    due, asked = WaveCheckpointHook.due, []

    def interrupted(self):
        asked.append(self)
        return due(self) or len(asked) == 8

    def keep(self, *arguments):
        usual(self, *arguments)
        self.wait()
        raise Interrupted

    usual = WaveCheckpointHook.keep
    monkeypatch.setattr(WaveCheckpointHook, "due", interrupted)
    monkeypatch.setattr(WaveCheckpointHook, "keep", keep)
    store, words = tmp_path / "store", "trackers=[jsonl]"
    with pytest.raises(Interrupted):
        train(config, store, words)
    before = (store / "metrics.jsonl").read_text("utf-8")
    monkeypatch.undo()
    runs = api.run_config(config, [words], store, Listener())
    text = (store / "metrics.jsonl").read_text("utf-8")
    assert text.startswith(before)
    told = [json.loads(line) for line in text.splitlines()]
    for row in runs.rows():
        own = [line for line in told if line["id"] == row["run_id"]]
        history = api.Store.open(store).history(row["run_id"])
        assert [line["event"] for line in own] == ["start", *["log"] * len(history["step"]), "end"]
        assert [line["step"] for line in own[1:-1]] == history["step"].tolist()
        assert own[-1]["model_bits"] == row["model_bits"]
        logged = [json.loads(line) for line in before.splitlines()]
        assert 3 < len([line for line in logged if line["id"] == row["run_id"]]) < len(own) - 2


def test_families_that_count_are_tracked_too(tmp_path):
    sink = Sink()
    runs = epx.run(
        epx.sources.Noise(vocab_size=4, length=8),
        epx.families.Ngram(orders=(0,), seeds=1),
        recipe="fixed",
        store=tmp_path / "store",
        training=epx.Training(steps=20, batch_size=4),
        heldout=epx.Heldout(tokens=2048),
        trackers=[sink, epx.trackers.Jsonl()],
    )
    (series,) = [logged for key, logged in sink.logged.items() if key in sink.ended]
    assert series[-1][1] == 20
    assert series[0][0].config["learning_rate"] is None
    (summary,) = sink.ended.values()
    assert "data_bits" not in summary  # nobody said of how many tokens
    assert summary["model_bits"] == runs.rows(test_tokens=1e6)[0]["model_bits"]
    assert (tmp_path / "store" / "metrics.jsonl").exists()


@pytest.mark.parametrize("wrong", ["jsonl", epx.trackers.Jsonl, object(), epx.Training()])
def test_what_is_no_tracker_is_refused(wrong, tmp_path):
    with pytest.raises(epx.ConfigError, match="^trackers.*(expected a config|no regist)"):
        epx.run(
            epx.sources.Noise(),
            epx.families.Ngram(),
            recipe="fixed",
            store=tmp_path / "store",
            trackers=[wrong],
        )
    assert not (tmp_path / "store").exists()
