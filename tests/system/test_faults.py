"""A sweep that is killed at any point is finished by the same command, with the same numbers."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
STEPS, SEEDS = 24, 2
CONFIG = {
    "sources": {"noise": {"kind": "noise", "vocab_size": 4, "length": 8}},
    "family": {"kind": "transformer", "widths": [8], "depths": [1], "seeds": SEEDS},
    "training": {"steps": STEPS, "batch_size": 4, "warmup_steps": 2},
    "heldout": {"tokens": 2048},
    "frontier": {"test_tokens": 1e6},
}
WAITING = [
    "estimator={kind: requential, max_kl: 0.001}",
    "sources.noise={kind: markov, vocab_size: 3, length: 8}",
]
# Where the process ends: a function, and whether before or behind it; at which of its calls.
POINTS = {
    "in training": ("epiplexity_jax.training.pace:Pace.give", "after", 15),
    "before a checkpoint": ("epiplexity_jax.sweep.checkpoints:save_snapshot", "before", 3),
    "states not yet read back": ("epiplexity_jax.training.checkpoint:_read", "before", 3),
    "records not yet there": ("epiplexity_jax.training.snapshot:write_atomically", "before", 3),
    "behind a checkpoint": ("epiplexity_jax.sweep.checkpoints:save_snapshot", "after", 3),
    "before a rename": ("pathlib:Path.replace", "before", 8),
    "behind a rename": ("pathlib:Path.replace", "after", 8),
    "before a Parquet file": ("epiplexity_jax.store.store:encode_history", "before", 2),
    "between history and index": ("epiplexity_jax.store.store:encode_runs", "before", 3),
    "before the last state": ("epiplexity_jax.sweep.runner:save_state", "before", 2),
    "all committed": ("epiplexity_jax.sweep.checkpoints:Checkpoints.forget", "before", 2),
}


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    """Every case by name: how it went."""
    folder = tmp_path_factory.mktemp("faults")
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")

    def case(name, point=None, number=signal.SIGKILL, overrides=()):
        found = {
            "config": str(config),
            "store": str(folder / name.replace(" ", "-")),
            "overrides": list(overrides),
        }
        if point:
            function, when, call = point
            found["point"] = {"function": function, "when": when, "call": call, "signal": number}
        return name, found

    give, save = "epiplexity_jax.training.pace:Pace.give", POINTS["behind a checkpoint"]
    cases = dict(
        [
            case("undisturbed"),
            *(case(name, point) for name, point in POINTS.items()),
            case("SIGTERM", (give, "before", 11), signal.SIGTERM),
            case("SIGINT", (give, "before", 11), signal.SIGINT),
            case("waiting undisturbed", overrides=WAITING),
            case("waiting", save, overrides=WAITING),
            case("exact undisturbed", overrides=["estimator.variant=exact"]),
            case("exact", save, overrides=["estimator.variant=exact"]),
        ]
    )
    words, answers = folder / "cases.json", folder / "answers.json"
    words.write_text(json.dumps(list(cases.values())))
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.faults", words, answers],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(cases, json.loads(answers.read_text()), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*POINTS, "waiting", "exact"])
def test_a_killed_sweep_ends_with_the_numbers_of_an_undisturbed_one(trials, name):
    trial = trials[name]
    whole = trials[f"{name} undisturbed" if f"{name} undisturbed" in trials else "undisturbed"]
    assert trial["status"] == -signal.SIGKILL
    assert trial["results"] == whole["results"]
    assert trial["untouched"]
    assert trial["left"] == []
    assert trial["waves"] == []
    assert trial["said"] == whole["said"]
    runs, finished, steps = trial["started"]
    assert (runs, finished) == (SEEDS, trial["finished"])
    every = (SEEDS - finished) * STEPS * (4 if name == "waiting" else 1)
    assert steps < every if trial["kept"] and every else steps == every


@pytest.mark.slow
def test_points_lie_where_they_should(trials):
    """In training with checkpoints behind and before it, with some runs committed and none."""
    assert {bool(trials[name]["kept"]) for name in POINTS} == {True}
    assert {trials[name]["finished"] for name in POINTS} == {0, 1, 2}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_polite_end_keeps_what_was_trained(trials, name):
    trial, whole = trials[name], trials["undisturbed"]
    assert trial["status"] == 130
    assert trial["finished"] == 0
    assert trial["results"] == whole["results"]
    kept = max(int(Path(path).parent.name) for path in trial["kept"])
    assert 2 < kept < STEPS
    assert trial["started"] == [SEEDS, 0, SEEDS * (STEPS - kept)]
