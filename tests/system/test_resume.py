"""A sweep that was killed or whose config grew trains what is missing, to the same numbers."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from types import MappingProxyType

import pytest
import yaml

from epiplexity_jax import api
from epiplexity_jax.store import Store
from epiplexity_jax.sweep import device_trainer, final_states
from tests.system.sweeps import histories, results, train

TOKENS = 2048
CONFIG = MappingProxyType(
    {
        "family": {"kind": "transformer", "widths": [8, 16], "depths": [1], "seeds": 2},
        "recipe": "fixed",
        "training": {"steps": 24, "batch_size": 4, "warmup_steps": 2},
        "heldout": {"tokens": TOKENS},
        "frontier": {"test_tokens": 1e6},
    }
)
# Each commit takes its time, so that a test can kill the sweep between two of them.
SLOW = """
import sys, time
from epiplexity_jax.cli.app import main
from epiplexity_jax.store import Store
quick = Store.commit
def commit(self, *arguments):
    quick(self, *arguments)
    time.sleep(0.5)
Store.commit = commit
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    (folder / "book.txt").write_text("It was the best of times. " * 2000, encoding="ascii")
    sources = {
        "text": {"kind": "text", "path": str(folder / "book.txt"), "length": 16},
        "noise": {"kind": "noise", "vocab_size": 96, "length": 16},
    }
    sources["text"]["alphabet"] = "ascii96"
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"sources": sources, **CONFIG}), encoding="utf-8")
    return path


def words_of(config, store, *words):
    return ["run", str(config), "--store", str(store), "--no-figure", "--json", *words]


def slowly(config, store):
    """A process of its own, which signals reach."""
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, *words_of(config, store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


@pytest.fixture(scope="module")
def undisturbed(config, tmp_path_factory):
    """A finished sweep: its folder and its results."""
    store = tmp_path_factory.mktemp("undisturbed") / "store"
    told, found = train(config, store)
    assert len(told.done) == 8
    return store, found


@pytest.mark.slow
def test_the_exact_variant_of_a_finished_sweep_trains_nothing(config, undisturbed, tmp_path):
    """States that were kept are scored again; the numbers are those of a sweep that began so."""
    store = tmp_path / "store"
    shutil.copytree(undisturbed[0], store)
    told, found = train(config, store, "estimator.variant=exact")
    assert told.started == (8, 0, 0)
    assert len(told.done) == 8
    fresh, expected = train(config, tmp_path / "fresh", "estimator.variant=exact")
    assert fresh.started is not None
    assert fresh.started[2] > 0
    assert found == expected
    switched = api.load(store)
    assert [d.to_json() for d in switched.decompositions(variant="switch")] == undisturbed[1][0]
    again, _ = train(config, store, "training.steps=30")
    assert again.started == (8, 0, 8 * 6)


@pytest.mark.slow
@pytest.mark.as_users
def test_a_killed_sweep_trains_the_rest_only_and_its_tables_are_the_same(config, tmp_path, forks):
    whole, store = tmp_path / "whole", tmp_path / "store"
    done = forks.run(*words_of(config, whole))
    assert done.returncode == 0, done.stderr
    wanted = json.loads(done.stdout)

    with slowly(config, store) as process:
        while len(histories(store)) < 3:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    before = histories(store)
    assert 3 <= len(before) < 8

    again = forks.run(*words_of(config, store))
    assert again.returncode == 0, again.stderr
    assert again.stderr.startswith(f"runs {len(before)}/8\n")
    after = histories(store)
    assert len(after) == 8
    assert before.items() <= after.items()
    found = json.loads(again.stdout)
    assert found.pop("store") == str(store)
    assert wanted.pop("store") == str(whole)
    assert found == wanted
    assert results(api.load(store)) == results(api.load(whole))
    assert not [path for path in store.rglob("*") if path.name.endswith(".tmp")]


def copied(store, folder):
    """A copy of a store that may be changed."""
    subprocess.run(["cp", "-a", str(store), str(folder)], check=True)
    return folder


def test_a_finished_sweep_trains_nothing(config, undisturbed, tmp_path):
    store, found = undisturbed
    store = copied(store, tmp_path / "store")
    before = histories(store)
    told, again = train(config, store)
    assert (told.started, told.done, again) == ((8, 8, 0), [], found)
    assert histories(store) == before


@pytest.mark.parametrize(
    ("override", "new"),
    [("family.seeds=3", 4), ("family.widths=[8, 16, 32]", 4)],
    ids=["seeds", "sizes"],
)
def test_more_runs_train_only_what_is_new(config, undisturbed, tmp_path, override, new):
    store = copied(undisturbed[0], tmp_path / "store")
    before = histories(store)
    told, grown = train(config, store, override)
    assert told.started == (8 + new, 8, 24 * new)
    assert len(told.done) == new
    assert before.items() < histories(store).items()
    assert [row for row in grown[1] if row in undisturbed[1][1]] == undisturbed[1][1]


@pytest.mark.as_users
def test_more_steps_go_on_from_the_kept_states_to_the_same_numbers(config, undisturbed, tmp_path):
    store = copied(undisturbed[0], tmp_path / "store")
    before = histories(store)
    told, longer = train(config, store, "training.steps=40")
    assert told.started == (8, 0, 8 * 16)
    assert len(told.done) == 8
    assert (told.said, told.resumed) == ([], ["8 runs go on from step 24"])
    assert before.items() < histories(store).items()
    assert longer == train(config, tmp_path / "whole", "training.steps=40")[1]
    # The shorter sweep is still there, and its results are what they were.
    told, shorter = train(config, store)
    assert (told.done, shorter) == ([], undisturbed[1])


@pytest.mark.slow
def test_more_seeds_and_steps_at_once(config, undisturbed, tmp_path):
    store = copied(undisturbed[0], tmp_path / "store")
    words = ("training.steps=40", "family.seeds=3")
    told, grown = train(config, store, *words)
    assert told.started == (12, 0, 8 * 16 + 4 * 40)
    assert grown == train(config, tmp_path / "whole", *words)[1]


def test_a_damaged_state_is_said_and_its_run_begins_again(config, undisturbed, tmp_path):
    store = copied(undisturbed[0], tmp_path / "store")
    victim = next(
        row
        for row in Store.open(store).finished().values()
        if (row["source"], row["width"], row["seed"]) == ("text", 16, 1)
    )
    state = max(
        (file for file in (store / "checkpoints" / victim["run_id"]).rglob("*") if file.is_file()),
        key=lambda file: file.stat().st_size,
    )
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 0xFF
    state.write_bytes(content)
    told, found = train(config, store, "training.steps=40")
    assert told.said == [
        "text, width 16 depth 1, seed 1: the state kept at step 24 is damaged; training from step 0"
    ]
    assert len(told.done) == 8
    assert found == train(config, tmp_path / "whole", "training.steps=40")[1]


def test_without_kept_states_more_steps_begin_again(config, tmp_path):
    keep = "training.keep_final_state=false"
    words = ("family.widths=[8]", "family.seeds=1", keep)
    train(config, tmp_path / "store", *words)
    assert not (tmp_path / "store" / "checkpoints").exists()
    told, _ = train(config, tmp_path / "store", *words, "training.steps=40")
    assert told.started == (2, 0, 80)


def test_a_diverging_member_is_reported_and_the_sweep_ends_well(config, tmp_path, forks):
    words = ["training.learning_rate=1e30", "family.widths=[8]"]
    done = forks.run(*words_of(config, tmp_path / "store", *words))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {entry["status"] for entry in document["frontier"]} <= {"untrained"}
    rows = api.load(tmp_path / "store").rows()
    assert [row["status"] for row in rows] == ["diverged"] * 4
    assert all(row["message"] and row["model_bits"] is None for row in rows)
    for source in ("text", "noise"):
        assert f"{source}, width 8 depth 1, seed 0: stopped, " in done.stderr
    told, _ = train(config, tmp_path / "store", *words)
    assert told.done == []


def test_the_others_of_a_cohort_go_on(config, undisturbed, tmp_path, monkeypatch):
    usual = device_trainer.MemberJob

    def job(**options):
        rate = 1e30 if options["seed"] == 1 else options["hyper"].learning_rate
        return usual(**options | {"hyper": options["hyper"]._replace(learning_rate=rate)})

    monkeypatch.setattr(device_trainer, "MemberJob", job)
    told, (_, rows) = train(config, tmp_path / "store")
    assert {row["seed"]: row["status"] for row in rows} == {0: "finished", 1: "diverged"}
    assert len(told.said) == 4
    assert all("seed 1: stopped, " in said for said in told.said)
    healthy = [row for row in rows if row["seed"] == 0]
    assert healthy == [row for row in undisturbed[1][1] if row["seed"] == 0]
    frontiers = api.load(tmp_path / "store").frontiers()
    for frontier in frontiers.values():
        assert any("2 of 4 runs diverged and are left out" in said for said in frontier.warnings)


def test_a_finished_sweep_is_read_as_its_config_says(config, undisturbed, tmp_path):
    store, as_trained = undisturbed
    store = copied(store, tmp_path / "store")
    told, found = train(config, store, "estimator={variant: online, floor: raw}")
    assert told.started == (8, 8, 0)
    assert {(d["variant"], d["floor"]) for d in found[0]} == {("online", "raw")}
    assert found != as_trained
    assert train(config, store)[1] == as_trained


def test_a_changed_config_takes_nothing_over(config, undisturbed, tmp_path):
    store = copied(undisturbed[0], tmp_path / "store")
    words = ("training.batch_size=8", "family.widths=[8]")
    told, found = train(config, store, *words)
    assert told.started == (4, 0, 4 * 24)
    assert len(found[1]) == 4
    assert {row["batch_size"] for row in found[1]} == {8}
    assert found == train(config, tmp_path / "whole", *words)[1]


def test_two_processes_in_one_store(config, undisturbed, tmp_path, forks):
    store = copied(undisturbed[0], tmp_path / "store")
    with Store.open(store).lock():
        done = forks.run(*words_of(config, store))
    assert (done.returncode, done.stdout) == (2, "")
    said = done.stderr.splitlines()
    assert len([line for line in said if line.startswith("epiplexity-jax: error: ")]) == 1
    assert "another process" in done.stderr
    assert "Traceback" not in done.stderr
    assert forks.run(*words_of(config, store)).returncode == 0


def test_sigterm_in_the_middle_of_training_keeps_what_is_finished(config, tmp_path):
    store = tmp_path / "store"
    with slowly(config, store) as process:
        while not histories(store):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert "of 8 runs are finished; the same command resumes" in err
    assert "Traceback" not in err
    kept = histories(store)
    assert 1 <= len(kept) < 8
    assert sorted(Store.open(store).finished()) == sorted(n.removesuffix(".parquet") for n in kept)


def test_a_state_that_cannot_be_kept_is_said_and_its_run_is_safe(
    config, undisturbed, tmp_path, monkeypatch
):
    def full(folder, state):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))

    monkeypatch.setattr(final_states, "save_state", full)
    told, found = train(config, tmp_path / "store")
    assert found == undisturbed[1]
    assert len(told.said) == len(told.done) == 8
    assert all("cannot be kept: No space left on device" in said for said in told.said)


@pytest.mark.slow
def test_requential_runs_whose_teachers_wait_are_kept_as_they_are(config, tmp_path):
    words = ("estimator={kind: requential, max_kl: 1.0e-4}", "family.widths=[8]", "family.seeds=1")
    told, found = train(config, tmp_path / "store", *words)
    assert len(told.done) == 2
    assert all(row["teacher_steps"] < row["steps_done"] for row in found[1])
    assert told.said
    assert all("and waited in the others" in said for said in told.said)
    again, same = train(config, tmp_path / "store", *words)
    assert (again.done, same) == ([], found)
