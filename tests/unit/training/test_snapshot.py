"""A cohort that is kept in the middle goes on exactly, elsewhere too; damage never passes."""

import jax
import numpy as np
import pytest

from epiplexity_jax.checkpoints.cohort_snapshot import (
    CohortCheckpoint,
    load_snapshot,
    save_snapshot,
    unfinished,
)
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.train_cohort import set_up, train_cohort
from tests.unit.training.test_engine import job_of, mesh_of
from tests.unit.training.toys import cycle

SEEDS, AT = range(2), 21  # a record point


class CheckpointHook:
    """Keeps a cohort once, behind iteration 21, and ends it."""

    def __init__(self):
        self.kept, self.iteration = None, 0

    def due(self):
        return True

    def keep(self, iteration, states, records):
        if iteration >= AT:
            host = jax.tree.map(lambda x: x[: len(SEEDS)], jax.device_get(states))
            self.kept = CohortCheckpoint(iteration, ("a", "b"), host, tuple(records), 1.5)
            raise Interrupted


@pytest.fixture(scope="module")
def snapshot():
    keeper = CheckpointHook()
    with pytest.raises(Interrupted):
        train_cohort(job_of(cycle(), SEEDS), mesh_of(2), keeper=keeper)
    assert keeper.kept.iteration == AT
    return keeper.kept


@pytest.fixture(scope="module")
def whole():
    return train_cohort(job_of(cycle(), SEEDS), mesh_of(2))


def member_state(snapshot, i=0):
    return jax.tree.map(lambda x: x[i], snapshot.states)


def resumed(snapshot, **options):
    resume = {i: (member_state(snapshot, i), snapshot.records[i]) for i in SEEDS}
    return job_of(cycle(), SEEDS, resume=resume, start=snapshot.iteration, **options)


def test_a_snapshot_comes_back_exactly(snapshot, tmp_path):
    (tmp_path / "21").mkdir()
    assert unfinished(tmp_path / "21")
    save_snapshot(tmp_path / "21", snapshot)
    again = load_snapshot(tmp_path / "21", member_state(snapshot))
    assert (again.iteration, again.run_ids, again.seconds) == (AT, ("a", "b"), 1.5)
    jax.tree.map(np.testing.assert_array_equal, again.states, snapshot.states)
    for one, other in zip(again.records, snapshot.records, strict=True):
        assert one.values == other.values
        assert one.rows.keys() == other.rows.keys()
        for name, column in one.rows.items():
            np.testing.assert_array_equal(column, other.rows[name], err_msg=name)


def test_what_is_resumed_ends_with_the_bits_of_the_whole(snapshot, whole):
    rest = train_cohort(resumed(snapshot), mesh_of(2))
    for one, other in zip(whole, rest, strict=True):
        assert one.outcome == other.outcome
        for name, column in one.history.items():
            np.testing.assert_array_equal(column, other.history[name], err_msg=name)
        jax.tree.map(np.testing.assert_array_equal, one.state, other.state)


@pytest.mark.parametrize(("devices", "data"), [(1, 1), (2, 2)])
def test_another_layout_restores_every_bit_and_goes_on(snapshot, whole, devices, data):
    mesh = member_mesh(jax.devices()[:devices], data)
    job = resumed(snapshot)
    placed = jax.device_get(set_up(job, mesh).states)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[:2], b), placed, snapshot.states)
    for one, other in zip(whole, train_cohort(job, mesh), strict=True):
        for name in ("online_loss_sum_nats", "heldout_loss_nats", "heldout_raw_loss_nats"):
            np.testing.assert_allclose(one.history[name], other.history[name], rtol=1e-4)


def test_every_flipped_bit_is_noticed(snapshot, tmp_path):
    folder, rng = tmp_path / "21", np.random.default_rng(0)
    folder.mkdir()
    save_snapshot(folder, snapshot)
    for file in sorted(f for f in folder.rglob("*") if f.is_file()):
        whole = bytearray(file.read_bytes())
        broken = whole.copy()
        broken[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
        file.write_bytes(broken)
        assert load_snapshot(folder, member_state(snapshot)) is None
        file.write_bytes(whole)
    assert load_snapshot(folder, member_state(snapshot)) is not None
