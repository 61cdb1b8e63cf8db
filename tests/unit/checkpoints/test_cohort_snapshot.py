"""A cohort that is kept in the middle goes on exactly, elsewhere too; damage never passes."""

from dataclasses import replace

import jax
import numpy as np
import orbax.checkpoint
import pytest

from epiplexity_jax.checkpoints import cohort_snapshot, state_files
from epiplexity_jax.checkpoints.cohort_snapshot import CohortCheckpoint, load_cohort, save_cohort
from epiplexity_jax.checkpoints.state_files import is_torn, iterations
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.train_cohort import set_up, train_cohort
from tests.unit.engine.jobs import job_of, mesh_of
from tests.unit.engine.toys import cycle

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
        train_cohort(job_of(cycle(), SEEDS), mesh_of(2), hook=keeper)
    assert keeper.kept.iteration == AT
    return keeper.kept


@pytest.fixture(scope="module")
def whole():
    return train_cohort(job_of(cycle(), SEEDS), mesh_of(2))


def member_state(snapshot, i=0):
    return jax.tree.map(lambda x: x[i], snapshot.states)


def like(snapshot):
    return lambda run_ids: member_state(snapshot)


def resumed(snapshot, **options):
    resume = {i: (member_state(snapshot, i), snapshot.records[i]) for i in SEEDS}
    return job_of(cycle(), SEEDS, resume=resume, start=snapshot.iteration, **options)


def test_a_record_of_an_older_version_has_no_sums_by_block(snapshot):
    header = cohort_snapshot._header(snapshot)["records"][0]
    again = cohort_snapshot._record(header)
    jax.tree.map(np.testing.assert_array_equal, again.blocks, snapshot.records[0].blocks)
    assert again.blocks["last_step"].tolist() == list(range(1, AT + 1))
    del header["blocks"]
    assert cohort_snapshot._record(header).blocks is None


def test_a_checkpoint_comes_back_exactly(snapshot, tmp_path):
    empty = {"nothing": np.zeros((0, 2), np.int32), "odd": np.array([np.nan, -0.0, 1e-310])}
    records = tuple(replace(r, rows={**r.rows, **empty}) for r in snapshot.records)
    kept = replace(snapshot, records=records)
    assert iterations(tmp_path / "wave") == []
    save_cohort(tmp_path / "wave", kept, 1)
    assert iterations(tmp_path / "wave") == [AT]
    again = load_cohort(tmp_path / "wave", AT, like(snapshot))
    assert (again.iteration, again.run_ids, again.seconds) == (AT, ("a", "b"), 1.5)
    jax.tree.map(np.testing.assert_array_equal, again.states, snapshot.states)
    for one, other in zip(again.records, records, strict=True):
        assert one.values == other.values
        assert one.rows.keys() == other.rows.keys()
        for name, column in one.rows.items():
            assert (column.dtype, column.shape) == (other.rows[name].dtype, other.rows[name].shape)
            assert column.tobytes() == other.rows[name].tobytes(), name


def test_the_latest_ones_stay(snapshot, tmp_path):
    for number in (7, 100, 9, 21):
        save_cohort(tmp_path, replace(snapshot, iteration=number), 2)
    assert iterations(tmp_path) == [100, 21]
    assert not list(tmp_path.glob("*tmp*"))


def test_an_iteration_that_has_a_whole_checkpoint_is_not_written_again(snapshot, tmp_path):
    save_cohort(tmp_path, snapshot, 1)
    save_cohort(tmp_path, replace(snapshot, seconds=9.0), 1)
    assert load_cohort(tmp_path, AT, like(snapshot)).seconds == 1.5
    (tmp_path / str(AT) / "checksum.json").unlink()
    assert is_torn(tmp_path / str(AT))
    assert load_cohort(tmp_path, AT, like(snapshot)) is None
    save_cohort(tmp_path, replace(snapshot, seconds=9.0), 1)
    assert load_cohort(tmp_path, AT, like(snapshot)).seconds == 9.0


def test_another_dtype_is_damage(snapshot, tmp_path):
    """Orbax would cast it silently."""
    save_cohort(tmp_path, snapshot, 1)

    def half(run_ids):
        return jax.tree.map(
            lambda x: x.astype(np.float16) if x.dtype == np.float32 else x, member_state(snapshot)
        )

    assert load_cohort(tmp_path, AT, half) is None


def test_a_write_that_fails_leaves_the_one_before(snapshot, tmp_path, monkeypatch):
    def full(self, *args, **kwargs):
        (tmp_path / "22.orbax-checkpoint-tmp").mkdir()
        raise ValueError("RESOURCE_EXHAUSTED: ... No space left on device [os_error_code='28']")

    save_cohort(tmp_path, snapshot, 1)
    with monkeypatch.context() as patch:
        patch.setattr(orbax.checkpoint.CheckpointManager, "save", full)
        with pytest.raises(OSError, match="No space left on device"):
            save_cohort(tmp_path, replace(snapshot, iteration=22), 1)
    assert [path.name for path in tmp_path.iterdir()] == [str(AT)]
    assert load_cohort(tmp_path, AT, like(snapshot)) is not None


def test_a_disk_that_returns_other_bytes_loses_nothing(snapshot, tmp_path, monkeypatch):
    save_cohort(tmp_path, snapshot, 1)
    changed = jax.tree.map(np.zeros_like, snapshot.states)
    usual = state_files._restore

    def restore(folder, number, like=None):
        return {**usual(folder, number, like), "states": changed}

    with monkeypatch.context() as patch:
        patch.setattr(state_files, "_restore", restore)
        with pytest.raises(OSError, match="Input/output error"):
            save_cohort(tmp_path, replace(snapshot, iteration=22), 1)
    assert iterations(tmp_path) == [AT]


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
    rng = np.random.default_rng(0)
    save_cohort(tmp_path, snapshot, 1)
    for file in sorted(f for f in tmp_path.rglob("*") if f.is_file()):
        whole = bytearray(file.read_bytes())
        broken = whole.copy()
        broken[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
        file.write_bytes(broken)
        assert load_cohort(tmp_path, AT, like(snapshot)) is None
        file.write_bytes(whole)
    assert load_cohort(tmp_path, AT, like(snapshot)) is not None
