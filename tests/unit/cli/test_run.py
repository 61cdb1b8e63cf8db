"""`run` prints what `frontier` prints, keeps progress off standard output and stops politely."""

import io
import json
import signal
import subprocess
import sys

import pytest
import yaml
from rich.console import Console

from epiplexity_jax import api
from epiplexity_jax.analysis.frontier import rates
from epiplexity_jax.analysis.frontier.rates import RateChange
from epiplexity_jax.analysis.runs import notes
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.run import narrowing
from epiplexity_jax.report.tables import plan_table
from epiplexity_jax.sweep.config_file import read_config


@pytest.fixture
def trained(monkeypatch, store):
    """A training that is over at once; yields the arguments it was called with."""
    calls = []

    def run_config(config, overrides, folder, progress):
        calls.append((config, overrides, folder))
        progress.start(8, 0, 800)
        progress.advance(400, 51200, {"text/width 10": 2.5})
        progress.run_done({"run_id": "text-1000-0"})
        progress.message("text, width 10: stopped")
        progress.close()
        return api.load(store)

    monkeypatch.setattr(api, "run_config", run_config)
    return calls


def test_run_prints_what_frontier_prints(call, store, trained, tmp_path):
    ran = call("run", "x.yaml", "--store", tmp_path, "--no-figure")
    assert ran.status == 0
    assert ran.out == call("frontier", store).out
    assert "runs 0/8" in ran.err
    assert "text, width 10: stopped" in ran.err


def test_run_as_json(call, trained, tmp_path):
    ran = call("run", "x.yaml", "seed=1", "family.seeds=2", "--store", tmp_path, "--json")
    document = json.loads(ran.out)
    assert (set(document), document["store"]) == ({"frontier", "store", "version"}, str(tmp_path))
    assert [str(path) for path in trained[0][::2]] == ["x.yaml", str(tmp_path)]
    assert trained[0][1] == ["seed=1", "family.seeds=2"]
    assert (tmp_path / "frontier.png").read_bytes().startswith(b"\x89PNG")
    assert f"figure: {tmp_path}/frontier.png" in ran.err


def test_the_store_is_named_after_the_config(call, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = call("run", "configs/eca.yaml", "--figure", "x.svg", "--json")
    assert json.loads(ran.out)["store"] == "runs/eca"
    assert (tmp_path / "x.svg").exists()


def test_a_sweep_of_budgets_says_what_other_rates_would_give(call, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(
        rates, "rate_change", lambda f: RateChange(f.source, 0.5, "width 8 depth 1", {0.5: 1.1})
    )
    words = ("run", "x.yaml", "--store", tmp_path, "--no-figure")
    assert "tuned on" not in call(*words).out
    (tmp_path / "sweep.yaml").write_text("budgets: [1e9]\n", encoding="ascii")
    assert "0.5, tuned on w8; S +10% at half of it" in call(*words).out


def test_without_test_tokens_run_says_what_to_do(call, trained, monkeypatch, tmp_path):
    monkeypatch.setattr(api.Runs, "test_tokens", None)
    ran = call("run", "x.yaml", "--store", tmp_path, "--json")
    assert (ran.status, json.loads(ran.out)["frontier"]) == (0, [])
    assert "--test-tokens" in ran.err


def test_with_or_without_test_tokens_run_repeats_the_notes_on_data_once(
    call, store, trained, monkeypatch, tmp_path
):
    said = "games.pgn: 1 of 41 games were left out"
    monkeypatch.setattr(notes, "run_notes", lambda rows: (said,))
    words = ("run", "x.yaml", "--store", tmp_path, "--no-figure")
    expected = f"note ({', '.join(api.load(store).sources)}): {said}\n"
    assert call(*words).err.count(expected) == 1
    monkeypatch.setattr(api.Runs, "test_tokens", None)
    assert call(*words).err.count(expected) == 1


class Plan:
    counted = 1.0
    summary = {
        **{"runs": 8, "finished": 2, "cohorts": 1, "waves": 3, "params": 5000},
        **{
            "train_tokens": 10**6,
            "flops": 3e10,
            "tuning_flops": 0.0,
            "devices": "2 x cpu",
            "idle_share": 0.25,
        },
        **{"compute_dtype": "float32", "wall_seconds": 600.0, "memory_bytes": 3 * 2**20},
        **{"steps": 100, "iterations": 100, "estimated_memory_bytes": 2 * 2**20},
    }

    @property
    def cohorts(self):
        cohort = {"cohort": 1, "size": "width 16 depth 1", "sources": ["text"], "members": 6}
        cohort |= {"waves": 3, "params": 5000, "train_tokens": 10**6, "flops": 3e10}
        cohort |= {"microbatch": 8, "data_devices": 1, "shards_state": False}
        cohort |= {"wall_seconds": 600.0, "memory_bytes": 3 * 2**20}
        cohort |= {"rematerialises": False, "estimated_memory_bytes": 2 * 2**20}
        for name, flops in (("train", 30e3), ("eval", 10e3)):
            cohort |= {f"{name}_flops_per_token": self.counted * flops}
            cohort |= {f"declared_{name}_flops_per_token": flops}
        return [cohort]


def test_a_dry_run_says_by_how_much_counted_flops_differ(call, trained, monkeypatch):
    monkeypatch.setattr(api, "plan_config", lambda *_: Plan())
    assert "declared" not in call("run", "x.yaml", "--dry-run").out
    monkeypatch.setattr(Plan, "counted", 1.25)
    table = call("run", "x.yaml", "--dry-run").out
    assert "training vs declared" in table
    assert table.count("+25.0%") == 2


def test_the_table_of_a_plan_cuts_no_number_on_a_narrow_terminal():
    table = narrowing(plan_table(Plan().cohorts)).within(80)
    names = [column.name for column in table.columns]
    assert "estimate" not in names
    assert {"size", "N", "FLOPs", "time"} <= set(names)
    assert [column.name for column in table.columns if column.folds] == ["sources"]
    console = Console(width=80, file=io.StringIO())
    console.print(table)
    text = console.file.getvalue()
    assert all(value in text for value in ("width 16 depth 1", "5e3", "1e6", "3e10", "10 min"))
    assert "a wider terminal has" in text


def test_a_dry_run_prints_the_plan_and_trains_nothing(call, trained, monkeypatch):
    monkeypatch.setattr(api, "plan_config", lambda *_: Plan())
    table = call("run", "x.yaml", "--dry-run")
    assert "8 runs, 2 of them finished" in table.out
    assert "idle for 25%" in table.out
    assert "from a few steps of every cohort: 10 min, up to 3 MiB a device" in table.out
    assert "in a step (estimated before: 2)" in table.out
    document = json.loads(call("run", "x.yaml", "--dry-run", "--json").out)
    assert document["plan"]["cohorts"][0]["members"] == 6
    monkeypatch.setitem(Plan.summary, "iterations", 400)
    table = call("run", "x.yaml", "--dry-run")
    assert ": 10 min, if teachers wait until iteration 400, up to 3 MiB a device" in table.out
    assert not trained


def test_a_dry_run_says_what_tuning_costs_before(call, trained, monkeypatch):
    monkeypatch.setattr(api, "plan_config", lambda *_: Plan())
    assert "tuned" not in call("run", "x.yaml", "--dry-run").out
    monkeypatch.setitem(Plan.summary, "tuning_flops", 5e9)
    assert "with at most 5e9 FLOPs; `recipe=fixed`" in call("run", "x.yaml", "--dry-run").out


# In the background of a shell that has no job control, SIGINT is ignored from the start.
WAITING = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from epiplexity_jax import api
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.analysis.frontier import rates
from epiplexity_jax.analysis.frontier.rates import RateChange
from epiplexity_jax.sweep.config_file import read_config
from epiplexity_jax.cli.app import main
def wait(config, overrides, store, progress):
    progress.start(4, 3, 100)
    time.sleep(60)
api.run_config = wait
main(["run", "x.yaml"])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_stopped_run_says_how_to_go_on(number, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr.readline() == "runs 3/4\n"
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.splitlines() == [
        "epiplexity-jax: stopped; 3 of 4 runs are finished; the same command resumes"
    ]


def test_ctrl_c_before_the_training_is_one_line_too(call, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "run_config", interrupt)
    called = call("run", "x.yaml")
    assert (called.status, called.out) == (130, "")
    assert called.err == "epiplexity-jax: stopped; the same command resumes\n"
    monkeypatch.setattr(api, "sources", interrupt)
    called = call("sources")
    assert (called.status, called.out, called.err) == (130, "", "epiplexity-jax: stopped\n")


def test_configs_with_numbers_of_yaml_1_1(tmp_path, call, monkeypatch):
    seen = {}

    def plan(config, overrides, store):
        seen["test_tokens"] = read_config(config, overrides)["frontier"]["test_tokens"]
        raise ConfigError("enough")

    monkeypatch.setattr(api, "plan_config", plan)
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"frontier": {}}), encoding="utf-8")
    call("run", path, "frontier.test_tokens=1.0e6", "--dry-run")
    assert seen == {"test_tokens": 1.0e6}
