"""Two processes train one sweep: the numbers of one, one store, and an end that is explained."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from epiplexity_jax import api
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli import launch as launching
from epiplexity_jax.runtime.processes import LOST, is_one_of_several, join
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.progress import Silent
from tests.system.sweeps import histories
from tests.system.test_faults import CONFIG


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("processes") / "config.yaml"
    sources = {"chain": {"kind": "markov", "vocab_size": 4, "length": 8}}
    path.write_text(yaml.safe_dump(CONFIG | {"sources": sources}), encoding="utf-8")
    return path


def command(config, store, *words):
    program = [sys.executable, "-m", "epiplexity_jax", "launch", "-n", "2", "--"]
    return [*program, "run", str(config), "--store", str(store), "--no-figure", "--json", *words]


def environment(devices):
    return os.environ | {"JAX_NUM_CPU_DEVICES": str(devices)}


def rows(store):
    varying = {"wall_seconds", "created", "devices", "layout", "config"}
    return [{k: v for k, v in row.items() if k not in varying} for row in api.load(store).rows()]


def child(pid, word):
    """The child of a process that was called with a word."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    (found,) = [c for c in children if word in Path(f"/proc/{c}/cmdline").read_text()]
    return int(found)


def kept_at(store):
    """The step behind which two processes were last kept, 0 where they were not."""
    kept = (int(p.parent.name) for p in store.glob("checkpoints/wave-*/*/checksum.json"))
    return max(kept, default=0)


def check_numbers(store, config, alone, *words):
    """What two processes left in a store is what one of as many devices comes to."""
    api.run_config(config, list(words), alone, Silent())
    for found, wanted in zip(rows(store), rows(alone), strict=True):
        assert found["run_id"] == wanted["run_id"]
        for key in ("heldout_loss_nats", "model_bits", "data_bits"):
            assert found[key] == pytest.approx(wanted[key], rel=1e-4), key
        two, one = (Store.open(folder).history(found["run_id"]) for folder in (store, alone))
        assert two.keys() == one.keys()
        for key in {"online_loss_sum_nats", "student_loss_sum_nats", "kl_sum_nats"} & one.keys():
            near = 1e-4 * one["online_loss_sum_nats"][-1] if "kl" in key else 0.0
            np.testing.assert_allclose(two[key], one[key], rtol=1e-4, atol=near, err_msg=key)
    assert len(histories(store)) == 2


def wait_for(words, launcher, log):
    """Wait until a launcher says something."""
    while words not in log.read_text("utf-8"):
        assert launcher.poll() is None, log.read_text("utf-8")
        time.sleep(0.05)


def hold(pid, seconds):
    """Let a process stand still."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
def test_two_processes_that_are_held_up_share_every_batch_and_come_to_the_numbers_of_one(
    config, tmp_path
):
    store, cache = tmp_path / "store", tmp_path / "cache"
    (tmp_path / "book.txt").write_text("It was the best of times. " * 2000, encoding="ascii")
    book = f"sources={{book: {{kind: text, path: {tmp_path}/book.txt, length: 8}}}}"
    words = [book, "estimator={kind: requential}"]
    shared = command(config, store, *words, "training.data_devices=4", "trackers=[jsonl]")
    settings = environment(2) | {"JAX_COMPILATION_CACHE_DIR": str(cache)}
    plan = subprocess.run([*shared, "--dry-run"], env=settings, capture_output=True, text=True)
    assert plan.returncode == 0, plan.stderr
    assert json.loads(plan.stdout)["plan"]["cohorts"][0]["data_devices"] == 4
    log = tmp_path / "log"
    with log.open("w") as said, subprocess.Popen(
        shared, env=settings, text=True, stdout=subprocess.PIPE, stderr=said
    ) as launcher:  # fmt: skip
        wait_for("runs 0/2", launcher, log)
        both = [child(launcher.pid, f"--join={i}/2@") for i in (0, 1)]
        # Past the first collective of each group, which alone waits for half a minute only; the
        # programs take longer to compile.
        time.sleep(4)
        hold(both[1], 35)
        wait_for("runs 0/2, ", launcher, log)
        for pid in both * 3:
            time.sleep(0.2)
            if launcher.poll() is None:
                hold(pid, 0.5)
        try:
            out, _ = launcher.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            launcher.kill()
            raise
    assert launcher.returncode == 0, log.read_text("utf-8")
    assert {entry["source"] for entry in json.loads(out)["frontier"]} == {"book"}
    assert log.read_text("utf-8").splitlines().count("runs 0/2") == 1  # one process speaks
    assert not cache.exists()  # what comes from it would wait for ever
    text = (store / "metrics.jsonl").read_text("utf-8")
    told = [(line["id"], line.get("step")) for line in map(json.loads, text.splitlines())]
    assert len(told) == len(set(told)) + 2  # start and end of a run have no step
    check_numbers(store, config, tmp_path / "alone", *words)


@pytest.mark.slow
def test_a_process_that_dies_and_an_end_that_is_asked_for_change_no_number(config, tmp_path):
    store = tmp_path / "store"
    words = ["training.steps=400", "checkpoints.minutes=0.005"]
    killed = 0
    for number in (signal.SIGKILL, signal.SIGABRT):
        with subprocess.Popen(
            command(config, store, *words), env=environment(1) | {"PYTHONFAULTHANDLER": "1"},
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as launcher:  # fmt: skip
            while kept_at(store) == killed:
                assert launcher.poll() is None, launcher.stderr.read()
                time.sleep(0.05)
            os.kill(child(launcher.pid, "--join=1/2@"), number)
            out, err = launcher.communicate(timeout=90)
        assert (launcher.returncode, out) == (1, "")
        assert err.splitlines()[-1] == (
            f"epiplexity-jax: process 1 of 2 was ended by {number.name}; the same command resumes"
        )
        assert not histories(store)
        killed = kept_at(store)
    assert "Fatal Python error: Aborted" in err  # what a crash says, of a process that is silent
    with subprocess.Popen(
        command(config, store, *words), env=environment(1), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as launcher:  # fmt: skip
        while kept_at(store) == killed:
            assert launcher.poll() is None, launcher.stderr.read()
            time.sleep(0.05)
        launcher.send_signal(signal.SIGTERM)
        out, err = launcher.communicate(timeout=90)
    assert (launcher.returncode, out) == (130, "")
    assert err.splitlines()[-1] == (
        "epiplexity-jax: stopped; 0 of 2 runs are finished; the same command resumes"
    )
    assert 0 < killed < kept_at(store) < 400
    again = subprocess.run(
        command(config, store, *words), env=environment(1), capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr
    assert not list(store.glob("checkpoints/wave-*"))
    check_numbers(store, config, tmp_path / "alone", *words)


def test_what_is_wrong_is_said_once(config, tmp_path):
    done = subprocess.run(
        command(config, tmp_path / "store", "training.batch_size=0"),
        env=environment(1), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("epiplexity-jax: error: training.batch_size: ")


def test_a_loss_is_said_once():
    """A process says how to go on, and so does the launcher that passes its last line on."""
    last = "epiplexity-jax: another process was lost (Read timeout); the same command resumes"
    died: Any = SimpleNamespace(
        name="process 0 of 2", last=last, process=SimpleNamespace(returncode=LOST)
    )
    assert launching._Process.reason(died) == (
        "epiplexity-jax: process 0 of 2 failed: another process was lost (Read timeout); "
        "the same command resumes"
    )


@pytest.mark.parametrize("place", ["1", "2/2@host:1", "0/2@host", "a/b@c:1"])
def test_a_place_that_is_none_is_refused(place):
    with pytest.raises(ConfigError, match="--join: expected I/N@HOST:PORT with I from 0 to N-1"):
        join(place)


def test_clusters_are_known_by_their_environment():
    assert is_one_of_several({"SLURM_STEP_NUM_TASKS": "2"})
    assert is_one_of_several({"OMPI_COMM_WORLD_SIZE": "4"})
    assert is_one_of_several({"TPU_WORKER_HOSTNAMES": "a,b"})
    assert is_one_of_several({"JOB_COMPLETION_INDEX": "0", "KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    for alone in ({}, {"SLURM_STEP_NUM_TASKS": "1"}, {"TPU_WORKER_HOSTNAMES": "localhost"}):
        assert not is_one_of_several(alone)
