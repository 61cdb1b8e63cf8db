"""`curve` reads what others recorded, `runs --export-curve` writes what it reads."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from epiplexity_jax.analysis import curve_from, score
from epiplexity_jax.analysis.logs.estimate import Estimate
from epiplexity_jax.cli.app import app
from epiplexity_jax.store import Store
from tests.unit.store.stored import make_history, make_row

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "curve.md").read_text(encoding="utf-8")
SIZES = ["--params", "1e4", "--test-tokens", "1e7"]
BY_STEPS = ["--tokens-per-step", "1000"]
V96 = ["--vocab-size", "96"]


@pytest.fixture
def file(tmp_path):
    """Write rows under a header of steps and losses, or a whole text."""

    def write(text="1,4.5\n2,4\n4,3\n8,2.5\n", header="step,loss\n"):
        path = tmp_path / "loss.csv"
        path.write_text(header + text, encoding="utf-8")
        return path

    return write


def estimate_of(called):
    assert called.status == 0, called.err
    return json.loads(called.out)["estimate"]


def test_curve_as_json(call, file):
    found = estimate_of(call("curve", file(), *SIZES, *BY_STEPS, "--floor", "2.4", "--json"))
    wanted = {
        *("epiplexity_bits", "epiplexity_bits_interval", "entropy_bits", "entropy_bits_interval"),
        *("entropy_bits_per_token", "mdl_bits", "status", "resolution_bits", "params", "warnings"),
        *("train_tokens", "test_tokens", "estimator", "variant", "floor", "compute_flops"),
    }
    assert wanted <= set(found)
    assert (found["estimator"], found["variant"], found["floor"]) == (
        *("prequential", "online", "given"),
    )
    nats = 4.5 + 4 + 2 * 3 + 4 * 2.5 - 8 * 2.4
    assert found["epiplexity_bits"] == pytest.approx(nats * 1000 / 0.6931471805599453)
    assert found["compute_flops"] == pytest.approx(6e4 * 8000 + 2e4 * 1e7)
    assert found["epiplexity_bits_interval"] is None


def test_curve_as_a_table(call, file):
    called = call("curve", file(), *SIZES, *BY_STEPS, *V96)
    lines = called.out.splitlines()
    assert lines[0].split()[:2] == ["source", "T,"]
    assert max(map(len, lines)) <= 100
    assert lines[-1] == "prequential, online, floor 2.5 nats (last_rows), 1e7 test tokens"
    assert all(line.startswith("note (loss.csv): ") for line in called.err.splitlines())
    assert "never the epiplexity" in called.err
    assert "the floor is the last training loss, 2.5 nats (the rows show no error" in called.err


@pytest.mark.parametrize(
    ("text", "words", "status", "said"),
    [
        ("step,lr\n1,4\n2,3\n3,2\n", BY_STEPS, 2, "--loss-column: no column of loss.csv"),
        ("step,loss\n1,4\n2,abc\n3,2\n", BY_STEPS, 2, "line 3: 'abc' in 'loss' is not a number"),
        ("step,loss\n1,4\n3,3\n2,2\n", BY_STEPS, 2, "do not increase from line 3 to line 4"),
        ("step,loss\n1,4\n2,3\n", BY_STEPS, 2, "has 2 rows with a loss; a curve needs at least 3"),
        ("step,loss\n1,6.6\n2,5\n3,4.5\n", [*BY_STEPS, *V96], 0, "looks like bits labelled nats"),
        ("epoch,loss\n1,4\n2,3\n3,2\n", [], 2, "the area is over label tokens"),
        ("step,loss\n1,4\n2,-3\n3,2\n", BY_STEPS, 2, "line 3: loss -3 is negative"),
        ("step,loss\n1,4\n2,NaN\n3,2\n", BY_STEPS, 2, "line 3: loss nan is not finite"),
        ("", BY_STEPS, 2, "loss.csv: is empty"),
        ("step,loss\n100,2.6\n110,2.5\n120,2.4\n", [*BY_STEPS, *V96], 0, "no initial loss"),
    ],
)
def test_wrong_files_get_a_fitting_sentence(call, file, text, words, status, said):
    called = call("curve", file(text, header=""), *SIZES, *words)
    assert called.status == status
    assert said in called.err
    if status:
        assert called.out == ""
        assert called.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (SIZES[:2], "--test-tokens"),
        (SIZES[2:], "--params"),
        (["--params", "0", *SIZES[2:]], "--params: must be a positive number, got 0"),
        (["--params", "10.5", *SIZES[2:]], "--params: must be a whole number"),
        ([*SIZES[:2], "--test-tokens", "nan"], "--test-tokens: must be a positive number"),
        ([*SIZES, "--floor", "nan"], "--floor: must be a loss"),
        ([*SIZES, "--vocab-size", "1"], "--vocab-size: must be at least 2"),
        ([*SIZES, "--bytes-per-token", "0"], "--bytes-per-token: must be a positive number"),
        ([*SIZES, "--unit", "bit"], "--unit: unknown unit 'bit'; did you mean 'bits'"),
        ([*SIZES, "--tokens-column", "x"], "--tokens-column: loss.csv has no column 'x'"),
        (SIZES, "--tokens-per-step: loss.csv counts steps ('step')"),
    ],
)
def test_a_wrong_argument_is_one_line(call, file, words, said):
    called = call("curve", file(), *words)
    assert (called.status, called.out) == (2, "")
    assert called.err.startswith("epiplexity-jax: error: ")
    assert called.err.count("\n") == 1
    assert said in called.err


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A store of three runs: two whose ids begin alike, one that diverged."""
    from epiplexity_jax import coding

    store = Store.open(tmp_path_factory.mktemp("runs") / "store", create=True)
    store.write_config("sources: {text: {}}\n")
    history = make_history(points=8)
    sums = coding.interpolate_sum(history["step"], history["heldout_raw_loss_nats"]) * 128
    for run_id, changes in {"aa1": {}, "aa2": {"params": 50}, "b": {"status": "diverged"}}.items():
        store.commit(make_row(run_id, **changes), history | {"online_loss_sum_nats": sums})
    return store


@pytest.mark.parametrize("wanted", ["aa1", "aa2"])
def test_an_exported_curve_read_back_gives_the_online_estimate(call, runs, tmp_path, wanted):
    path = tmp_path / "new" / "loss.csv"
    called = call("runs", runs.path, "--export-curve", wanted, "--output", path)
    assert (called.status, called.out) == (0, "")
    command = re.search(r"read it with epiplexity-jax (.*)", called.err)[1]
    found = estimate_of(call(*shlex.split(command), "--json"))
    run = next(run for run in runs.load() if run.row["run_id"] == wanted)
    own = score(curve_from(run), 1e6, "online", "ema")
    assert found["epiplexity_bits"] == pytest.approx(own.model_bits[-1], rel=1e-9)
    assert found["entropy_bits"] == pytest.approx(own.data_bits[-1], rel=1e-9)
    own_time = own.time_flops[-1] * run.row["params"] / 7264  # the row keeps the FLOPs of 7264
    assert found["compute_flops"] == pytest.approx(own_time, rel=1e-9)
    assert ("the time does not" in called.err) == (wanted == "aa2")


def test_a_curve_goes_to_standard_output_and_nothing_else_does(call, runs):
    called = call("runs", runs.path, "--export-curve", "aa1")
    assert called.out.startswith(
        "step,label_tokens,train_tokens,loss_nats,heldout_loss_nats\n1,128"
    )
    assert len(called.out.splitlines()) == 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--export-curve", "a"], "several runs begin with 'a': there are aa1, aa2"),
        (["--export-curve", "c"], "no run begins with 'c': there are aa1, aa2, b"),
        (["--export-curve", "b"], "run b: diverged"),
        (["--export-curve", "aa1", "--json"], "neither --csv nor --json"),
        (["--output", "x.csv"], "--output: goes with --export-curve only"),
        (["--export-curve", "aa1", "--output", "/dev/null/x"], "--output: /dev/null/x cannot be"),
    ],
)
def test_what_cannot_be_exported(call, runs, words, said):
    called = call("runs", runs.path, *words)
    assert (called.status, called.out) == (2, "")
    assert called.err.count("\n") == 1
    assert said in called.err


def shown():
    """Commands on the page about its example file, each with the output that follows it."""
    blocks = re.findall(r"^```text\n\$ epiplexity-jax (.*?)\n(.*?)^```", PAGE, re.M | re.S)
    return [(command, output) for command, output in blocks]


@pytest.mark.parametrize(("command", "output"), shown(), ids=[c for c, _ in shown()])
def test_the_page_shows_what_its_commands_print(call, command, output, monkeypatch):
    monkeypatch.chdir(ROOT)
    called = call(*shlex.split(command.replace("\\\n", " ")))
    assert called.status == 0
    printed = [line.rstrip() for line in (called.out + called.err).splitlines()]
    assert printed == [line.rstrip() for line in output.splitlines()]


def test_the_page_has_an_example():
    assert len(shown()) > 0


def test_the_page_lists_every_option_and_further_key():
    command = typer.main.get_command(app).commands["curve"]  # type: ignore[attr-defined]
    options = {name for parameter in command.params for name in parameter.opts}
    listed = set(re.findall(r"^\| `(--[\w-]+)", PAGE, re.MULTILINE))
    assert listed == {name for name in options if name.startswith("--")} - {"--help"}
    further = set(Estimate.__dataclass_fields__) - {"decomposition"}
    assert all(f"`{key}`" in PAGE for key in further)
