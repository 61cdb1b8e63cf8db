"""Checkpoints of a store that a node cannot see, or that another process took over."""

import contextlib

import pytest

from epiplexity_jax.checkpoints.keeper import Checkpoints, WaveCheckpointHook
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import CheckpointOptions


def keeper(folder, held):
    checkpoints = Checkpoints(folder, CheckpointOptions(minutes=1e-9), held)
    assert checkpoints.find_wave(["run"], lambda _: None) == ({}, [])
    hook = WaveCheckpointHook(checkpoints, ("run",), 0.0, lambda: False, pytest.fail)
    return contextlib.closing(hook)


def test_where_the_store_cannot_be_seen_nothing_is_kept():
    with keeper(None, lambda: True) as found:
        assert not found.due()
        found.stopping = lambda: True
        assert found.due()
        with pytest.raises(Interrupted):
            found.keep(1, {}, [])


def test_a_store_that_somebody_took_over_is_left_alone(tmp_path):
    store = Store.open(tmp_path / "store", create=True)
    with store.lock():
        first = store.holder
        assert store.is_held_by(first)
    with Store.open(store.path, create=True).lock():
        assert not store.is_held_by(first)
    with keeper(tmp_path / "checkpoints", lambda: store.is_held_by(first)) as found:
        assert found.due()
        with pytest.raises(Interrupted):
            found.keep(1, {}, [])
    assert not (tmp_path / "checkpoints").exists()
