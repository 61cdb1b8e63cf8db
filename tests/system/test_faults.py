"""A sweep that is killed at any point is finished by the same command, with the same numbers.

`kill -9` leaves on the disk what is there at that moment. So one sweep is copied at every point of
interest, and each copy is what a sweep killed there leaves; processes that are really killed:
test_resume.py, and at random moments benchmarks/soak.py.
"""

import importlib
import shutil
import signal

import pytest
import yaml

from epiplexity_jax.checkpoints.keeper import WaveCheckpointHook
from epiplexity_jax.engine.dispatch import DispatchThrottle
from tests.system.sweeps import histories, train

STEPS, SEEDS = 24, 2
CONFIG = {
    "sources": {"noise": {"kind": "noise", "vocab_size": 4, "length": 8}},
    "family": {"kind": "transformer", "widths": [8], "depths": [1], "seeds": SEEDS},
    "recipe": "fixed",
    "training": {"steps": STEPS, "batch_size": 4, "warmup_steps": 2},
    "heldout": {"tokens": 2048},
    "frontier": {"test_tokens": 1e6},
}
WAITING = [
    "estimator={kind: requential, max_kl: 0.001}",
    "sources.noise={kind: markov, vocab_size: 3, length: 8}",
]
# Where the process ends: a function, whether before or behind it, and at which of its calls.
POINTS = {
    "in training": ("epiplexity_jax.engine.dispatch:DispatchThrottle.give", "after", 15),
    "before the first states": ("epiplexity_jax.checkpoints.state_files:_manager", "before", 1),
    "states not yet committed": ("orbax.checkpoint:CheckpointManager.save", "before", 2),
    "states not yet read back": ("epiplexity_jax.checkpoints.state_files:_restore", "before", 2),
    "checksums not yet there": ("epiplexity_jax.checkpoints.state_files:_seal", "before", 2),
    "older ones not yet deleted": ("orbax.checkpoint:CheckpointManager.delete", "before", 1),
    "behind a checkpoint": ("epiplexity_jax.checkpoints.keeper:save_cohort", "after", 2),
    "before a rename": ("pathlib:Path.replace", "before", 8),
    "in a history": ("epiplexity_jax.store.store:write_atomically", "before", 6),
    "between history and index": ("epiplexity_jax.store.store:encode_runs", "before", 3),
}
EVERY = 4  # pieces of the loop to a checkpoint


@pytest.fixture(name="config")
def _config(tmp_path, monkeypatch):
    """A config, with a checkpoint every few pieces, written at once: calls can be counted."""
    usual, keep = WaveCheckpointHook.due, WaveCheckpointHook.keep

    def due(self):
        self.asked = getattr(self, "asked", 0) + 1
        return usual(self) or self.asked % EVERY == 0

    def kept(self, *arguments):
        keep(self, *arguments)
        self.wait()

    monkeypatch.setattr(WaveCheckpointHook, "due", due)
    monkeypatch.setattr(WaveCheckpointHook, "keep", kept)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    return path


def at_call(patch, point, act):
    """Do something at a call of a function."""
    place, when, number = point
    module, _, name = place.partition(":")
    holder = importlib.import_module(module)
    *classes, name = name.split(".")
    for each in classes:
        holder = getattr(holder, each)
    usual, calls = getattr(holder, name), 0

    def watched(*arguments, **options):
        nonlocal calls
        calls += 1
        own = calls
        if (own, when) == (number, "before"):
            act()
        result = usual(*arguments, **options)
        if (own, when) == (number, "after"):
            act()
        return result

    patch.setattr(holder, name, watched)


def copied_at(points, config, folder, *overrides):
    """Run a sweep and copy its store at every point: what was told, the results, the copies."""
    copies = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, point in points.items():

            def copy(name=name):
                copies[name] = folder / name.replace(" ", "-")
                shutil.copytree(folder / "store", copies[name])

            at_call(patch, point, copy)
        told, found = train(config, folder / "store", *overrides)
    assert copies.keys() == points.keys()
    return told, found, copies


def check_finishes(config, store, whole, *overrides):
    """Run a killed sweep again: how many runs were finished before, and whether some were kept."""
    before = histories(store)
    kept = list(store.glob("checkpoints/wave-*/*/checksum.json"))
    told, found = train(config, store, *overrides)
    assert (told.said, found) == whole
    assert before.items() <= histories(store).items()
    assert not list(store.rglob("*.tmp"))
    assert not list(store.glob("checkpoints/wave-*"))
    runs, finished, steps = told.started
    assert (runs, finished) == (SEEDS, len(before))
    every = (SEEDS - finished) * STEPS * (4 if overrides else 1)
    assert steps < every if kept and every else steps == every
    return finished, bool(kept)


@pytest.mark.slow
def test_a_sweep_that_is_killed_ends_with_the_numbers_of_an_undisturbed_one(config, tmp_path):
    told, found, copies = copied_at(POINTS, config, tmp_path)
    came = {name: check_finishes(config, s, (told.said, found)) for name, s in copies.items()}
    # In training, with checkpoints behind and before it, and with runs committed.
    assert came["in training"] == came["behind a checkpoint"] == (0, True)
    assert came["before the first states"] == (0, False)
    assert came["between history and index"][0] > 0


@pytest.mark.slow
@pytest.mark.slow
def test_a_requential_sweep_whose_teachers_wait_goes_on_exactly(config, tmp_path):
    points = {"behind a checkpoint": POINTS["behind a checkpoint"]}
    told, found, copies = copied_at(points, config, tmp_path, *WAITING)
    whole = (told.said, found)
    assert check_finishes(config, copies["behind a checkpoint"], whole, *WAITING) == (0, True)


def test_sigterm_in_training_keeps_what_is_trained(config, tmp_path):
    usual = signal.signal(signal.SIGTERM, signal.default_int_handler)
    store = tmp_path / "store"
    try:
        with pytest.MonkeyPatch.context() as patch:
            point = (f"{DispatchThrottle.__module__}:DispatchThrottle.give", "before", 11)
            at_call(patch, point, lambda: signal.raise_signal(signal.SIGTERM))
            with pytest.raises(KeyboardInterrupt):
                train(config, store)
    finally:
        signal.signal(signal.SIGTERM, usual)
    assert not histories(store)
    (kept, *_) = sorted(
        (int(p.parent.name) for p in store.glob("checkpoints/wave-*/*/checksum.json")), reverse=True
    )
    assert 2 < kept < STEPS
    told, found = train(config, store)
    assert told.started == (SEEDS, 0, SEEDS * (STEPS - kept))
    assert found == train(config, tmp_path / "whole")[1]


def test_damage_to_every_checkpoint_of_a_wave_is_said(config, tmp_path):
    point = {"late": ("epiplexity_jax.checkpoints.keeper:save_cohort", "after", 2)}
    told, found, copies = copied_at(point, config, tmp_path)
    store = copies["late"]
    kept = sorted(store.glob("checkpoints/wave-*/*/checksum.json"))
    assert len(kept) == 2
    for checksums in kept:
        checksums.write_bytes(checksums.read_bytes()[:-1])
    again, same = train(config, store)
    assert same == found
    assert len(again.said) == 2 + len(told.said)
    assert all("the checkpoint is damaged; going back before it" in s for s in again.said[:2])
    assert again.started == (SEEDS, 0, SEEDS * STEPS)


def test_a_damaged_checkpoint_pushes_no_good_one_out(config, tmp_path):
    point = {"late": ("epiplexity_jax.checkpoints.keeper:save_cohort", "after", 2)}
    _, found, copies = copied_at(point, config, tmp_path)
    folder = tmp_path / "again"
    shutil.copytree(copies["late"], folder / "store")
    first, last = kept_in(folder / "store")
    header = last / "cohort" / "metadata"
    header.write_bytes(header.read_bytes()[:-1])
    point = {
        "kept once": ("epiplexity_jax.checkpoints.keeper:WaveCheckpointHook._write", "after", 1)
    }
    told, same, copies = copied_at(point, config, folder, "checkpoints.keep=1")
    assert same == found
    assert told.started == (SEEDS, 0, SEEDS * (STEPS - int(first.name)))
    (kept,) = kept_in(copies["kept once"])
    assert int(kept.name) > int(first.name)
    told, same = train(config, copies["kept once"])
    assert (told.said, same) == ([], found)
    assert told.started == (SEEDS, 0, SEEDS * (STEPS - int(kept.name)))


def kept_in(store):
    """The folders of the checkpoints that count, the first one first."""
    every = (p for p in store.glob("checkpoints/wave-*/*") if p.name.isdecimal())
    return sorted(every, key=lambda path: int(path.name))
