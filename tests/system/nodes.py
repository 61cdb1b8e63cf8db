"""A Ray cluster of two nodes on this host, on which everything goes wrong that can.

Run: python -m tests.system.nodes FOLDER ANSWERS.json. Two sources stop in the middle of training
until a file lets them go on: then the worker of one is killed and the node of the other removed. A
third fails of itself. A second sweep is asked to end in the middle. A wave has two members.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

import epiplexity_jax as epx
from epiplexity_jax.executors.ray_progress import REPORTER
from epiplexity_jax.sources.spec import SourceInfo
from tests.system.sweeps import Listener, results

STEPS, BATCH, SEEDS, LENGTH = 192, 4, 2, 8
GATE = 128  # steps, the start of a block of training data
FAMILY = epx.families.Transformer(widths=(8,), depths=(1,), seeds=SEEDS)


class Tokens:
    """Noise whose training data behind a step waits for a file, or is not there at all."""

    def __init__(self, name, folder, broken=False):
        self.name, self.folder, self.broken = name, Path(folder), broken
        self.sequences, self.reads = 4096, 0
        every = np.ones(LENGTH, bool)
        self.info = SourceInfo(vocab_size=4, length=LENGTH, label_mask=every, fingerprint=name)

    def read(self, indices):
        if self.broken:
            with (self.folder / "broken").open("a") as file:
                file.write("read\n")
            raise OSError("the tape is torn")
        self.reads += 1
        if self.reads == 2 + SEEDS * GATE // 64:  # behind the held-out set and two blocks each
            (self.folder / self.name).write_text(str(os.getpid()))
            while not (self.folder / "open").exists() or self.hears_of_no_end():
                time.sleep(0.02)
        draws = np.random.default_rng(len(self.name)).integers(0, 4, (self.sequences, LENGTH))
        return draws[indices]

    def hears_of_no_end(self):
        """Whether a task whose end is asked for still listens."""
        listens = any(thread.name == REPORTER for thread in threading.enumerate())
        return self.name == "late" and listens


def sweep(folder, store, names, told, executor=None):
    """Train on some sources, from Python."""
    sources = {name: Tokens(name, folder, broken=name == "torn") for name in names}
    return epx.run(
        sources,
        FAMILY,
        recipe="fixed",
        store=store,
        progress=told,
        executor=epx.ExecutorOptions(kind=executor or "local"),
        training=epx.Training(steps=STEPS, batch_size=BATCH, warmup_steps=2),
        heldout=epx.Heldout(tokens=2048),
        checkpoints=epx.CheckpointOptions(minutes=1e-6),
        frontier=epx.FrontierOptions(test_tokens=1e6),
    )


def wait_for(found):
    """Until something is true, with its value."""
    while not (value := found()):
        time.sleep(0.02)
    return value


def reached(folder, store, names):
    """Processes that wait at the gate, once each has kept its wave."""
    waiting = [(folder / name).read_text() for name in names if (folder / name).exists()]
    kept = {path.parent.parent for path in store.glob("checkpoints/wave-*/*/checksum.json")}
    return [int(pid) for pid in waiting if pid and len(waiting) == len(kept) == len(names)]


def parent_of(pid):
    """The process that started one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def break_things(cluster, node, folder, store):
    """Kill the worker of one wave and remove the node of the other."""
    raylet = node.all_processes["raylet"][0].process.pid
    for pid in wait_for(lambda: reached(folder, store, ("one", "other"))):
        if parent_of(pid) != raylet:
            os.kill(pid, signal.SIGKILL)
    cluster.remove_node(node, allow_graceful=False)
    (folder / "open").touch()


def ask_to_end(folder, store):
    """What a machine sends that is taken away."""
    wait_for(lambda: reached(folder, store, ("late",)))
    os.kill(os.getpid(), signal.SIGTERM)
    (folder / "open").touch()


def in_background(work, *arguments):
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def on_cluster(folder):
    """Both sweeps: what was said, how they ended, and what is left."""
    import ray
    from ray.cluster_utils import Cluster

    nodes = {"num_cpus": SEEDS, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=nodes)
    node = cluster.add_node(**nodes)
    ray.init(cluster.address, log_to_driver=False)
    answers = {}
    try:
        told, store = Listener(), folder / "broken-store"
        in_background(break_things, cluster, node, folder, store)
        try:
            sweep(folder, store, ("torn", "one", "other"), told, "ray")
        except epx.RunsFailed as failed:
            answers["failed"] = str(failed)
        answers["started"], answers["steps"] = told.started, told.member_steps
        answers["said"] = told.said
        answers["reads"] = (folder / "broken").read_text()
        answers["results"] = results(epx.load(store))

        (folder / "open").unlink()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        in_background(ask_to_end, folder, folder / "ended-store")
        try:
            sweep(folder, folder / "ended-store", ("late",), Listener(), "ray")
        except KeyboardInterrupt:
            kept = (folder / "ended-store").glob("checkpoints/wave-*/*/checksum.json")
            answers["kept"] = max(int(path.parent.name) for path in kept)
    finally:
        ray.shutdown()
        cluster.shutdown()
    return answers


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(on_cluster(Path(sys.argv[1]))))
