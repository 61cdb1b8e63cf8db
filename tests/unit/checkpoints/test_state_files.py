"""A kept state comes back exactly, or not at all."""

import resource

import jax
import numpy as np
import orbax.checkpoint
import pytest

from epiplexity_jax.checkpoints.state_files import restore_state, save_state
from epiplexity_jax.engine.programs import init_member
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.families.networks.transformer import TransformerModel
from tests.unit.engine.toys import cycle, task_of


@pytest.fixture(scope="module")
def state():
    model = TransformerModel(16, 1, task_of(cycle()))
    init = jax.jit(lambda key: init_member(model, key, PrequentialMethod(), key))
    return jax.device_get(init(jax.random.key(3)))


def test_a_state_comes_back_exactly(state, tmp_path):
    save_state(tmp_path / "run", state)
    again = restore_state(tmp_path / "run", state)
    assert again is not None
    assert jax.tree.structure(again) == jax.tree.structure(state)
    for one, other in zip(jax.tree.leaves(again), jax.tree.leaves(state), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_saving_again_replaces(state, tmp_path):
    save_state(tmp_path / "run", state)
    later = state.replace(step=np.int32(7))
    save_state(tmp_path / "run", later)
    again = restore_state(tmp_path / "run", state)
    assert again is not None
    assert again.step == 7


def test_an_absent_or_torn_state_is_none(state, tmp_path):
    assert restore_state(tmp_path / "nowhere", state) is None
    save_state(tmp_path / "run", state)
    (tmp_path / "run" / "0" / "checksum.json").write_text("[" * 200_000)
    assert restore_state(tmp_path / "run", state) is None
    (tmp_path / "run" / "0" / "checksum.json").unlink()
    assert restore_state(tmp_path / "run", state) is None


def test_every_flipped_bit_is_noticed(state, tmp_path, monkeypatch):
    """Orbax would restore most of them silently and fail in its threads at others: it sees none."""
    rng = np.random.default_rng(0)
    save_state(tmp_path / "run", state)
    written = (f for f in (tmp_path / "run").rglob("*") if f.is_file())
    files = [f for f in written if f.name != "checksum.json"]
    assert len(files) > 2
    reached: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(
            orbax.checkpoint, "CheckpointManager", lambda *a, **k: reached.append("Orbax")
        )
        for file in files:
            whole = file.read_bytes()
            for at in rng.integers(len(whole), size=8):
                broken = bytearray(whole)
                broken[at] ^= 1 << int(rng.integers(8))
                file.write_bytes(bytes(broken))
                assert restore_state(tmp_path / "run", state) is None
                assert not reached
            file.write_bytes(whole)
    assert restore_state(tmp_path / "run", state) is not None


def test_a_file_too_many_or_too_few_is_noticed(state, tmp_path):
    save_state(tmp_path / "run", state)
    (tmp_path / "run" / "0" / "more").write_text("")
    assert restore_state(tmp_path / "run", state) is None
    (tmp_path / "run" / "0" / "more").unlink()
    next(f for f in (tmp_path / "run" / "0").rglob("*") if f.is_file()).unlink()
    assert restore_state(tmp_path / "run", state) is None


def test_a_state_that_cannot_be_written_leaves_nothing(state, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="Not a directory|File exists"):
        save_state(tmp_path / "file" / "run", state)


def test_a_full_disk_is_an_os_error_whatever_the_driver_raises(state, tmp_path, monkeypatch):
    def full(self, *args, **kwargs):
        raise ValueError("RESOURCE_EXHAUSTED: ... No space left on device [os_error_code='28']")

    monkeypatch.setattr(orbax.checkpoint.Checkpointer, "save", full)
    with pytest.raises(OSError, match="No space left on device"):
        save_state(tmp_path / "run", state)
    assert not (tmp_path / "run").exists()


def test_a_state_above_the_limit_on_files_is_refused_before_anything_is_written(
    state, tmp_path, monkeypatch
):
    saved = []
    monkeypatch.setattr(
        orbax.checkpoint.CheckpointManager, "save", lambda *_, **__: saved.append(1)
    )
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (40 * 1024, hard))
    with pytest.raises(OSError, match="File too large"):
        save_state(tmp_path / "run", state)
    assert not (tmp_path / "run").exists()
    assert not saved
