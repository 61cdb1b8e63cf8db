"""Checks of the benchmark of transfer: by intervals of differences of seeds, from its rows."""

import importlib
import json
from pathlib import Path

import pytest

from docs import transfer_tables

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MEMBERS = {"question": "winner", "train": "readout", "size": "width 32"}
HELPS = "pre-training helps: winner, readout, width 32, board_first"
ORDER = "board first probes better: winner, width 32"


@pytest.fixture(scope="module")
def benchmark():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("transfer")


def rows(order: str, own: tuple, scratch: tuple) -> list[dict]:
    each = enumerate(zip(own, scratch, strict=True))
    members = [{"seed": seed, "accuracy": a, "scratch_accuracy": b} for seed, (a, b) in each]
    return [MEMBERS | {"order": order} | member for member in members]


@pytest.mark.parametrize(
    ("board", "moves", "helps", "better"),
    [
        ((0.60, 0.71, 0.80), (0.55, 0.65, 0.75), True, True),  # seeds differ by more than both
        ((0.40, 0.51, 0.60), (0.45, 0.55, 0.65), False, False),
        ((0.50, 0.60, 0.70), (0.50, 0.60, 0.70), None, None),  # all give one answer
        ((0.50, 0.60, 0.75), (0.50, 0.60, 0.71), None, None),  # one seed alone is above
        ((0.60, 0.71, None), (0.55, 0.65, 0.75), None, None),
    ],
)
def test_a_statement_holds_fails_or_is_open_by_differences_of_seeds(
    benchmark, board, moves, helps, better
):
    scratch = (0.50, 0.60, 0.70)
    every = rows("board_first", board, scratch) + rows("moves_first", moves, scratch)[::-1]
    found = benchmark.checks(every)
    assert (found[HELPS], found[ORDER]) == (helps, better)


def test_committed_checks_and_table_are_what_the_committed_rows_say(benchmark):
    found = json.loads((BENCHMARKS / "results" / "transfer.json").read_text("utf-8"))
    derived = json.loads(json.dumps(benchmark.derived(found["rows"])))
    assert {"checks": found["checks"], "table": found["table"]} == derived


def test_no_majority_answer_counts_as_help(benchmark):
    found = json.loads((BENCHMARKS / "results" / "transfer.json").read_text("utf-8"))
    for where in (
        "value, from moves, readout, width 64 depth 2, board_first",
        "winner, from moves, all, width 64 depth 2, board_first",
        "winner, from the board, readout, width 64 depth 2, moves_first",
    ):
        assert found["checks"][f"pre-training helps: {where}"] is None


def test_the_page_has_every_outcome():
    found = json.loads((BENCHMARKS / "results" / "transfer.json").read_text("utf-8"))
    said = transfer_tables.games(found)
    words = {True: "holds", False: "**fails**", None: "open"}
    for row in found["table"]:
        assert (
            f"| {row['accuracy']:.3f} | {row['scratch_accuracy']:.3f} | {row['gain']:+.3f} ±"
            in said
        )
    for what, holds in found["checks"].items():
        if what.startswith("board"):
            assert f"- {words[holds]}: {what}\n" in said
    helped = [row["helps"] for row in found["table"]]
    assert said.count("| holds |") == helped.count(True)


def test_the_page_counts_as_the_committed_rows_do():
    found = json.loads((BENCHMARKS / "results" / "transfer.json").read_text("utf-8"))
    forms = {"moves_first": "from moves", "board_first": "from the board"}
    own = [r["helps"] for r in found["table"] if r["question"].endswith(forms[r["order"]])]
    other = [r["helps"] for r in found["table"] if not r["question"].endswith(forms[r["order"]])]
    assert (len(own), own.count(True), own.count(None)) == (16, 11, 5)
    assert (len(other), other.count(True), other.count(None)) == (16, 1, 15)
    page = (BENCHMARKS.parent / "docs" / "transfer.md").read_text("utf-8")
    assert "helps in 11 of 16 rows; the other five are open" in page
    assert "it helps in one of 16, and 15 are open" in page


def test_reading_again_replaces_what_follows_from_rows_and_keeps_their_origin(
    benchmark, monkeypatch, tmp_path
):
    verdicts = importlib.import_module("verdicts")
    monkeypatch.setattr(verdicts, "RESULTS", tmp_path)
    (tmp_path / "x.json").write_text('{"date": "then", "checks": {}, "rows": [1]}', "utf-8")
    path = verdicts.read_again("x", lambda found: {"checks": {"one": found["rows"] == [1]}})
    assert json.loads(path.read_text("utf-8")) == {
        "date": "then",
        "checks": {"one": True},
        "rows": [1],
    }
    for holds, status in ((True, 0), (None, 0), (False, 1)):
        verdicts.read_again("x", lambda _, holds=holds: {"checks": {"one": holds}})
        with pytest.raises(SystemExit) as ended:
            verdicts.say(path)
        assert ended.value.code == status
