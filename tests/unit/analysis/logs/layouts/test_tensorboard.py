from pathlib import Path

import numpy as np
import pytest

from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.reading import read_curve
from epiplexity_jax.base.errors import ConfigError, DataError
from tests.unit.analysis.logs.files import PER_STEP, VALUES, pairs
from tests.unit.analysis.logs.layouts.events import write_events, write_tensors

STEPS = Layout(tokens_per_step=PER_STEP)
ROWS = [(s, {"train/loss": float(v), "lr": 0.1}) for s, v in pairs(1)]
ROWS += [(40, {"eval/loss": 2.7})]


def check(curve):
    assert curve.losses_nats == pytest.approx(VALUES, rel=1e-6)
    assert curve.label_tokens.tolist() == [PER_STEP * s for s in range(1, 41)]
    assert curve.heldout_nats == pytest.approx(2.7, rel=1e-6)


def test_a_file_and_its_folder_read_alike(tmp_path):
    path = write_events(tmp_path / "run", ROWS)
    check(read_curve(path, STEPS))
    check(read_curve(tmp_path / "run", STEPS))
    check(read_curve(tmp_path, STEPS))


def test_tensors_of_doubles_are_exact(tmp_path):
    write_tensors(tmp_path, ROWS)
    curve = read_curve(tmp_path, STEPS)
    check(curve)
    assert np.array_equal(curve.losses_nats, VALUES)


def test_a_newer_file_takes_over_where_it_begins(tmp_path):
    older = [(s, {"train/loss": 9.0}) for s in range(1, 31)]
    write_events(tmp_path, [*ROWS[:20], *older[20:]], "events.out.tfevents.1")
    write_events(tmp_path, ROWS[20:], "events.out.tfevents.2")
    curve = read_curve(tmp_path, STEPS)
    check(curve)
    assert "10 steps of an older event file are replaced" in curve.notes[0]


def test_several_runs_are_named(tmp_path):
    write_events(tmp_path / "small" / "train", ROWS)
    write_events(tmp_path / "large" / "train", [(s, {"train/loss": 5.0}) for s in range(1, 9)])
    with pytest.raises(DataError, match=r"several runs, large/train, small/train .*--where"):
        read_curve(tmp_path, STEPS)
    check(read_curve(tmp_path, Layout(tokens_per_step=PER_STEP, where=("run=small/train",))))


def test_damage_and_emptiness_are_said(tmp_path):
    path = Path(write_events(tmp_path / "a", ROWS))
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="is damaged at byte"):
        read_curve(path, STEPS)
    with pytest.raises(DataError, match="holds no scalars"):
        read_curve(write_events(tmp_path / "b", []), STEPS)
    with pytest.raises(ConfigError, match="no column of .* has 'step', 'accuracy'"):
        read_curve(write_events(tmp_path / "c", [(1, {"accuracy": 0.5})]), STEPS)
