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
    "states not yet read back": ("epiplexity_jax.training.checkpoint:_read", "before", 3),
    "records not yet there": ("epiplexity_jax.training.snapshot:write_atomically", "before", 3),
    "behind a checkpoint": ("epiplexity_jax.sweep.checkpoints:save_snapshot", "after", 3),
    "before a rename": ("pathlib:Path.replace", "before", 8),
    "between history and index": ("epiplexity_jax.store.store:encode_runs", "before", 3),
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
            case("waiting undisturbed", overrides=WAITING),
            case("waiting", save, overrides=WAITING),
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


def check_killed(trials, name):
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
def test_a_sweep_that_is_killed_ends_with_the_numbers_of_an_undisturbed_one(trials):
    """One test, so that no trial is made twice."""
    for name in (*POINTS, "waiting"):
        check_killed(trials, name)
    # In training, with checkpoints behind and before it, and with runs committed.
    assert {bool(trials[name]["kept"]) for name in POINTS} == {True}
    assert trials["in training"]["finished"] == 0
    assert trials["between history and index"]["finished"] > 0
    trial, whole = trials["SIGTERM"], trials["undisturbed"]
    assert trial["status"] == 130
    assert trial["finished"] == 0
    assert trial["results"] == whole["results"]
    kept = max(int(Path(path).parent.name) for path in trial["kept"])
    assert 2 < kept < STEPS
    assert trial["started"] == [SEEDS, 0, SEEDS * (STEPS - kept)]
