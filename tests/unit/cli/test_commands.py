"""Every command's help, and what it prints: results on standard output and nothing else there."""

import csv
import io
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import yaml

from epiplexity_jax import __version__, api
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.options import echo_json
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.config_file import read_config

COMMANDS = ["run", "launch", "frontier", "runs", "curve", "sources", "families", "devices", "init"]


def only_json(called):
    assert called.status == 0, called.err

    def no_number(name):
        pytest.fail(f"{name} in JSON")

    return json.loads(called.out, parse_constant=no_number)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(call, command):
    called = call(command, "--help")
    assert called.status == 0
    assert called.out.startswith(f"Usage: epiplexity-jax {command}")
    assert call(command, "-h").out == called.out


def test_help_names_every_command(call):
    assert call() == call("--help") == call("-h")
    commands = call().out.partition("Commands:")[2]
    assert [line.split()[0] for line in commands.strip().splitlines()] == COMMANDS


def test_the_version(call):
    assert call("--version") == (0, f"epiplexity-jax {__version__}\n", "")


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from epiplexity_jax.cli.app import main\n"
        "try: main(['run', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'jax', 'numpy', 'pyarrow', 'altair', 'scipy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "epiplexity_jax", "--version"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == f"epiplexity-jax {__version__}\n"


def test_frontier_as_json(call, store):
    called = call("frontier", store, "--compute", "3e9", "--compute", "6.0e9", "--json")
    document = only_json(called)
    assert set(document) == {"frontier", "store", "version"}
    assert document["store"] == str(store)
    rows = document["frontier"]
    assert [(row["source"], row["compute_flops"]) for row in rows] == [
        *(("text", 3e9), ("text", 6e9), ("noise", 3e9), ("noise", 6e9))
    ]
    wanted = {
        *("epiplexity_bits", "epiplexity_bits_interval", "entropy_bits", "entropy_bits_interval"),
        *("entropy_bits_per_token", "mdl_bits", "status", "resolution_bits", "params", "warnings"),
        *("train_tokens", "test_tokens", "estimator", "variant", "floor"),
    }
    for row in rows:
        assert wanted <= set(row)
        assert row["test_tokens"] == 1e6
        assert row["mdl_bits"] == pytest.approx(row["epiplexity_bits"] + row["entropy_bits"])
    assert [row["status"] for row in rows] == ["ok", "ok", "untrained", "untrained"]
    assert rows[2]["entropy_bits_per_token"] == pytest.approx(math.log2(96))


def test_options_reach_the_analysis(call, store):
    options = ["--test-tokens", "2e6", "--variant", "online", "--floor", "raw", "--frontier", "raw"]
    row = only_json(call("frontier", store, "--compute", "6e9", *options, "--json"))["frontier"][0]
    assert (row["test_tokens"], row["variant"], row["floor"], row["procedure"]) == (
        *(2e6, "online", "raw", "raw"),
    )


def test_frontier_as_a_table(call, store):
    called = call("frontier", store, "--compute", "3e9")
    lines = called.out.splitlines()
    assert lines[0].split()[:2] == ["source", "T,"]
    assert max(map(len, lines)) <= 100
    assert not any(line != line.rstrip() for line in lines)
    assert "\x1b" not in called.out
    assert any(line.split()[0:1] == ["text"] and line.endswith("ok") for line in lines)
    assert any(line.split()[0:1] == ["noise"] and line.endswith("untrained") for line in lines)
    assert called.err.startswith("note (")


def test_frontier_as_csv_says_what_the_json_says(call, store):
    rows = only_json(call("frontier", store, "--json"))["frontier"]
    read = list(csv.DictReader(io.StringIO(call("frontier", store, "--csv").out)))
    assert [float(row["epiplexity_bits"]) for row in read] == [r["epiplexity_bits"] for r in rows]
    assert float(read[0]["mdl_bits_interval_low"]) == rows[0]["mdl_bits_interval"][0]
    assert [row["status"] for row in read] == [row["status"] for row in rows]


def test_the_figure_is_written_where_asked(call, store, tmp_path):
    called = call("frontier", store, "--figure", tmp_path / "new" / "x.svg", "--json")
    only_json(called)
    assert f"figure: {tmp_path}/new/x.svg" in called.err
    assert (tmp_path / "new" / "x.svg").read_text(encoding="utf-8").startswith("<svg")


def test_runs_as_json(call, store):
    document = only_json(call("runs", store, "--json"))
    rows = document["runs"]
    assert len(rows) == 8
    first = rows[0]
    assert (first["run_id"], first["status"], first["certified_bits"]) == (
        *("text-1000-0", "finished", None),
    )
    assert first["entropy_rate_nats"] is None
    assert first["model_bits"] > 0
    assert first["data_bits"] == pytest.approx(1e6 * first["heldout_loss_nats"] / math.log(2))


def test_runs_as_a_table_and_as_csv(call, store):
    table = call("runs", store).out.splitlines()
    assert len(table) == 2 + 8
    assert max(map(len, table)) <= 110
    read = list(csv.DictReader(io.StringIO(call("runs", store, "--csv").out)))
    assert [row["run_id"] for row in read][:2] == ["text-1000-0", "text-1000-1"]


@pytest.mark.parametrize(
    ("command", "kind", "parameter"),
    [("sources", "elementary_ca", "rule"), ("families", "transformer", "widths")],
)
def test_listings(call, command, kind, parameter):
    kinds = {entry["kind"]: entry for entry in only_json(call(command, "--json"))[command]}
    assert parameter in [p["name"] for p in kinds[kind]["parameters"]]
    table = call(command).out
    assert all(name in table for name in (*kinds, parameter))


def test_devices(call):
    found = only_json(call("devices", "--json"))["devices"]
    assert found[0]["platform"] == "cpu"
    assert len(call("devices").out.splitlines()) == len(found)


def test_init_writes_a_config_that_is_accepted(call, tmp_path):
    path = tmp_path / "mine.yaml"
    called = call("init", path)
    assert called.status == 0
    assert f"epiplexity-jax run {path}" in called.out
    sweep = parse_sweep(read_config(path))
    assert set(sweep.sources) == {"text", "noise"}
    assert path.read_text(encoding="utf-8").startswith("#")


def test_init_overwrites_nothing(call, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("mine", encoding="utf-8")
    called = call("init", path)
    assert (called.status, called.out) == (2, "")
    assert "is there already" in called.err
    assert path.read_text(encoding="utf-8") == "mine"
    assert call("init", tmp_path / "nowhere" / "x.yaml").status == 2


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (np.float32("nan"), None),
        (-math.inf, None),
        (np.int64(3), 3),
        (True, True),
        ((1, 2.5), [1, 2.5]),
    ],
)
def test_json_holds_plain_values_only(value, printed, capsys):
    echo_json({"value": value})
    read = json.loads(capsys.readouterr().out)["value"]
    assert read == printed
    assert type(read) is type(printed)


def test_a_terminal_that_knows_ascii_only(store):
    command = [sys.executable, "-m", "epiplexity_jax", "frontier", store, "--compute", "3e9"]
    env = {"PYTHONIOENCODING": "ascii", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, env=env, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"+-" in done.stdout
    done.stdout.decode("ascii")


def test_completion_is_offered(call):
    assert "--install-completion" in call("--help").out


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


def test_a_narrow_terminal_cuts_no_number(call, store, monkeypatch):
    plain = call("frontier", store).out
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert call("frontier", store).out == plain
    assert "…" not in plain


def test_one_source_alone(call, store):
    rows = only_json(call("frontier", store, "--source", "noise", "--compute", "3e9", "--json"))
    assert [row["source"] for row in rows["frontier"]] == ["noise"]
    rows = only_json(call("runs", store, "--source", "text", "--json"))["runs"]
    assert {row["source"] for row in rows} == {"text"}
    table = call("frontier", store, "--source", "text", "--floor-table", "--csv").out
    assert {row["source"] for row in csv.DictReader(io.StringIO(table))} == {"text"}
    refused = call("runs", store, "--source", "novel")
    assert refused.status == 2
    assert "unknown source 'novel'" in refused.err


@pytest.mark.parametrize("command", ["frontier", "runs"])
def test_two_formats_at_once_are_refused(call, store, command):
    refused = call(command, store, "--csv", "--json")
    assert (refused.status, refused.out) == (2, "")
    assert "--csv: cannot be given together with --json" in refused.err


def test_a_curve_takes_no_reading(call, store):
    for option in (["--floor", "raw"], ["--test-tokens", "1e6"], ["--source", "text"]):
        refused = call("runs", store, "--export-curve", "text-1000-0", *option)
        assert refused.status == 2
        assert f"{option[0]}: cannot be given together with --export-curve" in refused.err


def test_the_loss_of_a_run_is_that_of_the_floors_weights(call, store):
    ema, raw = (
        only_json(call("runs", store, "--floor", floor, "--json"))["runs"][0]
        for floor in ("ema", "raw")
    )
    assert ema["heldout_loss_nats"] != raw["heldout_loss_nats"]
    for row in (ema, raw):
        assert row["data_bits"] == pytest.approx(1e6 * row["heldout_loss_nats"] / math.log(2))
