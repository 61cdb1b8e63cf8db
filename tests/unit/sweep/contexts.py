"""Surroundings of waves and sweeps in tests."""

from pathlib import Path

import jax

from epiplexity_jax.checkpoints.keeper import Checkpoints
from epiplexity_jax.checkpoints.options import CheckpointOptions
from epiplexity_jax.sweep.progress import Silent
from epiplexity_jax.sweep.wave import WaveContext


class Counter(Silent):
    """Adds up what was trained, and remembers messages and committed runs."""

    def __init__(self):
        self.steps, self.tokens, self.losses = 0, 0, {}
        self.messages, self.rows, self.started = [], [], None

    def start(self, runs, finished, member_steps):
        self.started = (runs, finished, member_steps)

    def advance(self, member_steps, tokens, losses):
        self.steps += member_steps
        self.tokens += tokens
        self.losses |= losses

    def run_done(self, row):
        self.rows.append(row)

    def message(self, text):
        self.messages.append(text)


def wave_context(progress: Counter, folder: Path | None = None, stop=lambda: False) -> WaveContext:
    checkpoints = Checkpoints(folder, CheckpointOptions())
    return WaveContext(jax.devices()[:1], progress, stop, checkpoints)
