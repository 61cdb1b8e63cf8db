"""Waves on Ray: nodes and workers that are lost, errors and ends; the numbers of one process."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.system import nodes
from tests.system.sweeps import Listener, results, train
from tests.system.test_faults import CONFIG

ROOT = Path(__file__).parents[2]
OWN = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")  # which outlive a kill for a minute


def local(folder, *names):
    """The same sweep on the devices of this process."""
    told = Listener()
    return told, results(nodes.sweep(folder, folder / f"local-{names[0]}", names, told))


@pytest.mark.slow
def test_what_goes_wrong_on_a_cluster_changes_no_number(tmp_path):
    answers = tmp_path / "answers.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.nodes", tmp_path, answers],
        capture_output=True, text=True, cwd=ROOT, timeout=300,
        env=os.environ | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(answers.read_text())

    # A worker was killed and a node removed: both waves went on from a checkpoint.
    assert found["results"] == json.loads(json.dumps(local(tmp_path, "one", "other")[1]))
    assert found["started"] == [3 * nodes.SEEDS, 0, 3 * nodes.SEEDS * nodes.STEPS]
    assert found["steps"] == 2 * nodes.SEEDS * nodes.STEPS
    lost = [said for said in found["said"] if "its worker was lost; going on from step" in said]
    assert sorted(said.partition(",")[0] for said in lost) == ["one", "other"]
    assert all("attempt 2 of 4" in said and "from step 0" not in said for said in lost)

    # The third failed of itself: once, in a line, and nobody else's runs with it.
    assert found["reads"] == "read\n"
    torn = "torn, width 8 depth 1, seed 0 and 1 more: could not be trained: OSError: the tape is"
    assert [said for said in found["said"] if said not in lost] == [
        f"{torn} torn; the others go on"
    ]
    assert "2 runs could not be trained" in found["failed"]

    # The last was asked to end: kept in training, where one process then goes on.
    assert 0 < found["kept"] < nodes.STEPS
    told = Listener()
    ended = results(nodes.sweep(tmp_path, tmp_path / "ended-store", ("late",), told))
    assert told.started == (nodes.SEEDS, 0, nodes.SEEDS * (nodes.STEPS - found["kept"]))
    assert ended == local(tmp_path, "late")[1]


def descendants(pid):
    """Processes by what they are called: children of a process, theirs and so on."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = nodes.parent_of(folder.name)
        except OSError:  # gone meanwhile
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def called(pid):
    """What a process is called, nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


WORDS = ("training.steps=3000", "checkpoints.minutes=1e-6")


@contextlib.contextmanager
def on_ray(folder):
    """A sweep on a cluster of its own, once it was kept in training."""
    config, store = folder / "config.yaml", folder / "store"
    config.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    command = [sys.executable, "-m", "epiplexity_jax", "run", config, *WORDS, "executor.kind=ray"]
    with subprocess.Popen(
        [*command, "--store", store, "--no-figure", "--json"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        while not list(store.glob("checkpoints/wave-*/*/checksum.json")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        yield process


@pytest.mark.slow
def test_a_cluster_that_ends_is_said(tmp_path):
    with on_ray(tmp_path) as process:
        (raylet,) = (p for p in descendants(process.pid) if "/raylet --" in called(p))
        os.kill(raylet, signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err.splitlines()[-1].startswith("epiplexity-jax: error: Ray has ended on this machine;")
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_killed_sweep_leaves_no_task_behind_and_one_process_ends_it(tmp_path):
    config, store = tmp_path / "config.yaml", tmp_path / "store"
    with on_ray(tmp_path) as process:
        family = descendants(process.pid)
        assert any(called(pid).startswith("ray::train") for pid in family)
        process.kill()
    told, found = train(config, store, *WORDS)
    assert found == train(config, tmp_path / "whole", *WORDS)[1]
    runs, finished, steps = told.started
    assert (runs, finished) == (2, 0)
    assert steps < 2 * 3000
    until = time.monotonic() + 60
    while active := [name for pid in family if (name := called(pid)) and name not in OWN]:
        assert time.monotonic() < until, active
        time.sleep(0.1)
