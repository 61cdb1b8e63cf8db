"""Streams in a store: written before their histories, checked against them, damage noticed."""

import re

import numpy as np
import pyarrow.parquet as pq
import pytest

from epiplexity_jax.base.columns import OwnColumn
from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.store import Store, parquet, streams
from tests.unit.store.stored import make_history, make_row

STEPS = 4
KL = (
    OwnColumn("kl_nats", "nats", "KL"),
    OwnColumn("kl_groups_nats", "nats", "KL by group", blocks=True),
)


def make_stream(steps=STEPS, total=None):
    losses = 1.0 / np.arange(1.0, steps + 1)
    if total is not None:
        losses *= total / losses.sum()
    share = np.linspace(0.1, 0.4, 4)
    return {
        "first_step": np.arange(1, steps + 1),
        "last_step": np.arange(1, steps + 1),
        "label_tokens": np.arange(1, steps + 1) * 128,
        "online_loss_nats": losses,
        "online_loss_groups_nats": losses[:, None] * share,
        "component_loss_nats": losses[:, None] * [0.25, 0.75],
        "component_label_tokens": np.tile([32, 96], (steps, 1)),
    }


def history_of(total):
    history = make_history(3)
    history["step"] = np.array([0, 1, STEPS])
    history["online_loss_sum_nats"] = np.array([0.0, 1.0, total])
    return history


ROW = make_row("a", steps_done=STEPS)
HISTORY = history_of(300.0)


@pytest.fixture
def store(tmp_path):
    made = Store.open(tmp_path, create=True)
    made.commit(ROW, HISTORY, stream=make_stream(total=300.0))
    return made


def file_of(store, run_id="a"):
    return store.path / "streams" / f"{run_id}.parquet"


def test_a_stream_comes_back_to_the_last_bit(store):
    read, written = Store.open(store.path).stream("a"), make_stream(total=300.0)
    assert read is not None
    assert list(read) == list(written)
    for name, column in written.items():
        np.testing.assert_array_equal(read[name], column, err_msg=name)
        assert read[name].dtype == column.dtype


def test_columns_of_the_estimator_are_kept(store):
    kl = np.arange(4.0)
    own = {"kl_nats": kl, "kl_groups_nats": kl[:, None] * [0.5, 0.5]}
    history = HISTORY | {"kl_sum_nats": np.array([0.0, 0.0, 6.0])}
    sums = (OwnColumn("kl_sum_nats", "nats", "sum of KL"),)
    stream = make_stream(total=300.0) | own
    store.commit(ROW, history, sums, stream, KL)
    read = store.stream("a")
    for name, column in own.items():
        np.testing.assert_array_equal(read[name], column)
    wrong = history | {"kl_sum_nats": np.array([0.0, 0.0, 6.1])}
    with pytest.raises(ValueError, match="kl_nats of a stream sum to 6.0, but kl_sum_nats is 6.1"):
        store.commit(ROW, wrong, sums, stream, KL)


def test_a_run_that_ended_before_its_first_step_has_no_block(store):
    row = make_row("b", status="diverged", message="loss is not finite", steps_done=0)
    store.commit(row, {}, stream=make_stream(0))
    assert all(len(column) == 0 for column in Store.open(store.path).stream("b").values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"online_loss_nats": make_stream()["online_loss_nats"]}, "online_loss_nats of a stream"),
        ({"online_loss_nats": make_stream(total=300 * (1 + 1e-8))["online_loss_nats"]}, "sum to"),
        ({"online_loss_nats": np.full(STEPS, np.nan)}, "sum to nan"),
        ({"last_step": np.array([1, 2, 3, 5])}, "do not cover the run's 4 steps"),
        ({"first_step": np.array([1, 2, 2, 4])}, "do not cover the run's 4 steps"),
        ({"label_tokens": np.arange(3)}, "columns of a stream differ in length"),
        ({"loss": np.arange(4.0)}, "unknown columns of a stream: loss"),
    ],
)
def test_a_stream_that_is_not_the_run_s_is_refused(store, change, message):
    before = file_of(store).read_bytes()
    with pytest.raises(ValueError, match=message):
        store.commit(ROW, HISTORY, stream=make_stream(total=300.0) | change)
    assert file_of(store).read_bytes() == before


def test_a_diverged_run_may_have_blocks_behind_its_last_record_point(store):
    row = make_row("b", status="diverged", message="loss is not finite", steps_done=STEPS + 2)
    store.commit(row, HISTORY, stream=make_stream(STEPS + 2))
    assert store.stream("b")["last_step"][-1] == STEPS + 2


def test_a_crash_before_the_history_leaves_a_stream_that_is_replaced(store, monkeypatch):
    row, first = ROW | {"run_id": "b"}, make_stream(total=100.0)
    monkeypatch.setattr(Store, "_history_file", lambda self, run_id: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.commit(row, history_of(100.0), stream=first)
    monkeypatch.undo()
    after = Store.open(store.path)
    assert file_of(after, "b").exists()
    assert set(after.finished()) == {"a"}
    with pytest.raises(StoreError, match=r"b\.parquet: is missing; run it again"):
        after.stream("b")
    after.commit(row, HISTORY, stream=make_stream(total=300.0))
    assert after.stream("b")["online_loss_nats"].sum() == pytest.approx(300.0)
    after.commit(row, HISTORY)  # without one, an older one does not stay
    assert after.stream("b") is None


def test_a_run_of_an_older_version_has_none(store):
    file_of(store).unlink()
    file_of(store).parent.rmdir()
    after = Store.open(store.path)
    assert after.stream("a") is None
    assert after.warnings == []


@pytest.mark.parametrize("damage", ["torn", "flipped", "footer", "another run's", "a history"])
def test_a_damaged_stream_is_named_and_counts_as_absent(store, damage):
    file = file_of(store)
    content = bytearray(file.read_bytes())
    if damage == "torn":
        del content[len(content) // 2 :]
    elif damage == "flipped":
        place = pq.read_schema(file).names.index("online_loss_nats")
        column = pq.ParquetFile(file).metadata.row_group(0).column(place)
        content[column.data_page_offset + column.total_compressed_size - 4] ^= 1
    elif damage == "footer":
        for found in re.finditer(rb"label_tokens", bytes(content)):
            content[found.end() - 1] ^= 1
    elif damage == "another run's":
        content = streams.encode_stream(
            ROW | {"run_id": "b"}, make_stream(total=300.0), (), HISTORY
        )
    else:
        content = (store.path / "histories" / "a.parquet").read_bytes()
    file.write_bytes(content)
    after = Store.open(store.path)
    assert after.stream("a") is None
    assert after.warnings == [f"{file}: is damaged; its run has no losses by block"]
    assert set(after.finished()) == {"a"}


def test_a_stream_of_a_newer_version_is_refused(store, monkeypatch):
    monkeypatch.setattr(parquet, "SCHEMA_VERSION", 99)
    store.commit(ROW, HISTORY, stream=make_stream(total=300.0))
    monkeypatch.undo()
    sentence = r"streams/a\.parquet: was written by version 0\.1\.0, which is newer; upgrade"
    with pytest.raises(StoreError, match=sentence):
        Store.open(store.path).stream("a")
