"""Sweeps in tests: run one, hear what it says, and compare what it leaves behind."""

import re
from pathlib import Path

from epiplexity_jax import api


class Listener:
    """Remembers what it is told."""

    def __init__(self):
        self.done, self.said, self.resumed, self.started = [], [], [], None
        self.member_steps = 0

    def start(self, runs, finished, member_steps):
        self.started = (runs, finished, member_steps)

    def advance(self, member_steps, tokens, losses):
        self.member_steps += member_steps

    def run_done(self, row):
        self.done.append((row["source"], row["size"], row["seed"], row["steps"]))

    def message(self, text):
        resumed = re.match(r"\d+ runs? goe?s? on from step ", text)
        (self.resumed if resumed else self.said).append(text)

    def close(self):
        pass


def train(config, store, *overrides):
    """Run a sweep in this process; what was told, and the results."""
    told = Listener()
    runs = api.run_config(config, list(overrides), store, told)
    assert told.started is not None
    assert told.member_steps == told.started[2]
    return told, results(runs)


def results(runs):
    """What the commands print, without what differs between any two runs."""
    varying = {"wall_seconds", "created", "devices", "layout", "config"}
    rows = [{k: v for k, v in row.items() if k not in varying} for row in runs.rows()]
    return [d.to_json() for d in runs.decompositions()], rows


def histories(store):
    """Every history file with the moment it was written and its bytes."""
    files = (Path(store) / "histories").glob("*.parquet")
    return {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in files}
