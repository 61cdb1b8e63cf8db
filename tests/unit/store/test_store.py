"""A store holds whole runs or none, whatever happens to it."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from epiplexity_jax.base import files
from epiplexity_jax.base.columns import OwnColumn
from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.store import Store, parquet
from tests.unit.store.stored import make_history, make_row


@pytest.fixture
def store(tmp_path):
    """A store with runs a and b."""
    made = Store.open(tmp_path / "store", create=True)
    made.commit(make_row("a"), make_history())
    made.commit(make_row("b", seed=1), make_history())
    return made


def again(store: Store) -> Store:
    """The store as a new process sees it."""
    return Store.open(store.path)


def index_of(store: Store) -> dict[str, dict]:
    """The rows that anybody's Parquet reader finds."""
    return {row["run_id"]: row for row in pq.read_table(store.path / "runs.parquet").to_pylist()}


def history_file(store: Store, run_id: str):
    return store.path / "histories" / f"{run_id}.parquet"


def test_every_column_comes_back(store):
    row, history = make_row("a"), make_history()
    run = again(store).load()[0]
    assert run.row == row
    for name, column in history.items():
        np.testing.assert_array_equal(run.history[name], column, strict=True)
    assert set(run.history) == set(history)  # columns that are null throughout are left out


def test_nulls_among_numbers_come_back_as_nan(store):
    sums = [0.0, 1.5, None, 7.0]
    kl = (OwnColumn("kl_sum_nats", "nats", "sum of KL"), OwnColumn("other", "", "stays empty"))
    store.commit(make_row("c"), make_history() | {"kl_sum_nats": sums}, kl)
    assert "other" not in again(store).history("c")
    assert pq.read_schema(history_file(store, "c")).field("kl_sum_nats").metadata == {
        b"unit": b"nats",
        b"meaning": b"sum of KL",
    }
    np.testing.assert_array_equal(again(store).history("c")["kl_sum_nats"], [0, 1.5, np.nan, 7])


def test_any_reader_of_parquet_reads_a_store(store):
    assert index_of(store) == {"a": make_row("a"), "b": make_row("b", seed=1)}
    table = pq.read_table(history_file(store, "a"))
    assert table["run_id"].to_pylist() == ["a"] * 4
    assert table["heldout_block_losses_nats"].to_pylist()[0] == [np.log(96)] * 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": np.zeros(4)}, "unknown columns of a history: loss"),
        ({"spent_flops": np.zeros(3)}, "columns of a history differ in length"),
    ],
)
def test_a_wrong_history_is_refused(store, change, message):
    with pytest.raises(ValueError, match=message):
        store.commit(make_row("c"), make_history() | change)
    assert set(again(store).finished()) == {"a", "b"}


def test_a_history_without_a_required_column_is_refused(store):
    history = make_history()
    del history["spent_flops"]
    with pytest.raises(ValueError, match="a history lacks spent_flops"):
        store.commit(make_row("c"), history)


def test_a_run_that_never_recorded_is_kept(store):
    store.commit(make_row("c", status="diverged", message="loss is not finite", steps_done=0), {})
    assert again(store).history("c")["step"].shape == (0,)


def test_runs_come_in_the_order_of_the_config_then_by_size_and_seed(store):
    store.commit(make_row("c", source="noise", params=99), make_history())
    store.commit(make_row("d", params=99, seed=5), make_history())
    store.write_config("sources:\n  text: {}\n  noise: {}\n")
    assert [run.row["run_id"] for run in again(store).load()] == ["d", "a", "b", "c"]


def test_runs_of_an_earlier_config_stay_but_are_left_out(store):
    store.mark_current({"b": {"source": "text"}})
    assert [run.row["run_id"] for run in again(store).load()] == ["b"]
    assert len(again(store).load(current=False)) == 2
    assert not index_of(store)["a"]["current"]


def test_a_config_comes_back(store):
    assert store.read_config() == ""
    store.write_config("seed: 0  # größer\n")
    assert again(store).read_config() == "seed: 0  # größer\n"


def test_every_version_of_the_config_is_kept(store):
    """With the one that a store of before held, and one that comes back later."""
    (store.path / "sweep.yaml").write_text("seed: 0\n")
    for seed in (1, 1, 2, 1):
        again(store).write_config(f"seed: {seed}\n")
    kept = sorted((store.path / "sweeps").iterdir())
    assert [path.read_text() for path in kept] == [f"seed: {seed}\n" for seed in (0, 1, 2, 1)]
    assert [path.name[:5] for path in kept] == ["0001-", "0002-", "0003-", "0004-"]
    assert again(store).read_config() == "seed: 1\n"


def test_a_source_has_the_name_that_the_latest_config_gives_it(store):
    store.mark_current({"b": {"source": "prose"}})
    assert [run.row["source"] for run in again(store).load()] == ["prose"]
    assert {key: row["source"] for key, row in index_of(store).items()} == {
        "a": "text",
        "b": "prose",
    }
    (store.path / "runs.parquet").unlink()  # and the histories have the one they were trained under
    assert {row["source"] for row in again(store).finished().values()} == {"text"}


def test_a_process_that_does_not_write_marks_its_own_rows(store):
    follower = again(store)
    follower.writes = False
    follower.mark_current({"b": {"source": "prose"}})
    assert [run.row["source"] for run in follower.load()] == ["prose"]
    assert len(again(store).load()) == 2


def crash(*_, **__):
    raise SystemExit("killed")


def test_a_crash_between_history_and_index_loses_nothing(store, monkeypatch):
    monkeypatch.setattr(Store, "_write_index", crash)
    with pytest.raises(SystemExit):
        store.commit(make_row("c"), make_history())
    monkeypatch.undo()
    assert set(index_of(store)) == {"a", "b"}
    after = again(store)
    assert set(after.finished()) == {"a", "b", "c"}
    assert len(after.load()) == 3
    after.mark_current({"a": {"source": "text"}, "b": {"source": "text"}, "c": {"source": "text"}})
    assert set(index_of(store)) == {"a", "b", "c"}


def test_a_crash_before_the_rename_leaves_the_old_file(store, monkeypatch):
    before = history_file(store, "a").read_bytes()
    monkeypatch.setattr(files.os, "fsync", crash)
    with pytest.raises(SystemExit):
        store.commit(make_row("a", seed=7), make_history(points=2))
    assert history_file(store, "a").read_bytes() == before
    assert sorted(os.listdir(store.path / "histories")) == ["a.parquet", "b.parquet"]


KILLED = """
import os, signal, sys
from pathlib import Path
from epiplexity_jax.base.files import write_atomically
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
write_atomically(Path(sys.argv[1]), b"PAR1 half")
"""


def test_what_a_killed_process_left_is_no_run_and_is_cleared(store):
    killed = subprocess.run([sys.executable, "-c", KILLED, history_file(store, "c")])
    assert killed.returncode == -signal.SIGKILL
    left = [name for name in os.listdir(store.path / "histories") if name.startswith(".")]
    assert len(left) == 1
    after = again(store)
    assert set(after.finished()) == {"a", "b"}
    with after.lock():
        assert sorted(os.listdir(store.path / "histories")) == ["a.parquet", "b.parquet"]


@pytest.mark.parametrize("kept", [0, 3, 100, -1], ids=lambda kept: f"{kept} bytes")
def test_a_truncated_history_counts_as_not_done(store, kept, caplog):
    data = history_file(store, "a").read_bytes()
    history_file(store, "a").write_bytes(data[:kept])
    after = again(store)
    assert set(after.finished()) == {"b"}
    said = [f"{history_file(store, 'a')}: is damaged; its run counts as not done"]
    assert [record.getMessage() for record in caplog.records] == after.warnings == said
    after.commit(make_row("a"), make_history())
    assert set(again(store).finished()) == {"a", "b"}


def test_damage_inside_a_history_is_not_read_as_numbers(store):
    file = history_file(store, "a")
    data = bytearray(file.read_bytes())
    names = pq.read_schema(file).names
    column = pq.ParquetFile(file).metadata.row_group(0).column(names.index("heldout_loss_nats"))
    data[column.data_page_offset + column.total_compressed_size - 4] ^= 0xFF
    file.write_bytes(data)
    assert set(again(store).finished()) == {"b"}
    with pytest.raises(StoreError, match=r"a\.parquet: is missing or damaged; run it again"):
        again(store).history("a")


def test_a_row_without_its_history_is_dropped(store):
    history_file(store, "a").unlink()
    after = again(store)
    assert set(after.finished()) == {"b"}
    after.mark_current({"b": {"source": "text"}})
    assert set(index_of(store)) == {"b"}


@pytest.mark.parametrize("damage", [b"", b"no parquet"])
def test_a_damaged_index_is_rebuilt(store, damage):
    (store.path / "runs.parquet").write_bytes(damage)
    after = again(store)
    assert set(after.finished()) == {"a", "b"}
    assert [
        f"{store.path}/runs.parquet: is damaged; runs of earlier configs count until the next run"
    ] == after.warnings
    after.mark_current({"a": {"source": "text"}, "b": {"source": "text"}})
    assert set(index_of(store)) == {"a", "b"}


def test_a_parquet_file_of_somebody_else_is_no_run(store):
    pq.write_table(pq.read_table(store.path / "runs.parquet"), history_file(store, "x"))
    assert set(again(store).finished()) == {"a", "b"}


def test_a_copy_under_another_name_is_no_run(store):
    history_file(store, "x").write_bytes(history_file(store, "a").read_bytes())
    assert set(again(store).finished()) == {"a", "b"}


def test_a_store_of_a_newer_version_is_refused(store, monkeypatch):
    monkeypatch.setattr(parquet, "SCHEMA_VERSION", 0)
    with pytest.raises(StoreError, match=r"a\.parquet: was written by version .* newer"):
        again(store).finished()


@pytest.fixture
def full_disk(monkeypatch):
    """Lets a file of one name find the disk full after it was written beside its place."""
    replace = Path.replace

    def fill(name):
        def full(path, target):
            if target.name == name:
                raise OSError(errno.ENOSPC, "full")
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", full)

    return fill


def test_a_full_disk_at_the_history_keeps_what_is_there(store, full_disk):
    full_disk("c.parquet")
    with pytest.raises(StoreError, match="No space left on device; 2 finished runs are safe"):
        store.commit(make_row("c"), make_history())
    assert set(again(store).finished()) == set(index_of(store)) == {"a", "b"}
    assert sorted(os.listdir(store.path / "histories")) == ["a.parquet", "b.parquet"]


def test_a_full_disk_at_the_index_keeps_the_run(store, full_disk):
    full_disk("runs.parquet")
    with pytest.raises(StoreError, match="No space left on device; 3 finished runs are safe"):
        store.commit(make_row("c"), make_history())
    assert set(index_of(store)) == {"a", "b"}
    assert set(again(store).finished()) == {"a", "b", "c"}


@pytest.fixture
def small_files():
    """No file may grow beyond 2 kB: a refusal of the operating system itself."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_refused_write_is_one_sentence(store, small_files):
    with pytest.raises(StoreError, match="store: cannot be written: File too large; 2 fin"):
        store.commit(make_row("c"), make_history())


def test_a_second_process_is_refused(store):
    with (
        store.lock(),
        pytest.raises(
            StoreError,
            match=rf"is in use by another process \({os.getpid()} on .+\); wait until it ends",
        ),
        again(store).lock(),
    ):
        pytest.fail("both hold the lock")
    with again(store).lock():
        assert again(store).finished()


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_store_that_is_removed_while_it_is_in_use_is_said(store, comes_back):
    with store.lock():
        shutil.rmtree(store.path)
        if comes_back:
            with Store.open(store.path, create=True).lock():
                pass
        with pytest.raises(StoreError, match="was removed or taken over while it was in use"):
            store.commit(make_row("c"), make_history())


def test_a_store_whose_config_asks_for_other_runs_says_so(store):
    store.mark_current({})
    with pytest.raises(StoreError, match="holds no finished run of its latest config yet"):
        store.load()


def test_an_empty_store_has_nothing_to_load(tmp_path):
    with pytest.raises(StoreError, match="holds no finished run yet; run the sweep again"):
        Store.open(tmp_path, create=True).load()


def refuse(*_, **__):
    raise PermissionError(errno.EACCES, "refused")


# Modes of files mean nothing to root, who may run this.
def test_an_unreadable_folder_is_one_sentence(store, monkeypatch):
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(StoreError, match="store: cannot be read: Permission denied"):
        Store.open(store.path)
    with pytest.raises(StoreError, match="histories: cannot be read: Permission denied"):
        Store(store.path).finished()


def test_an_unreadable_history_is_not_trained_again(store, monkeypatch):
    read = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: refuse() if path.name == "a.parquet" else read(path)
    )
    with pytest.raises(StoreError, match=r"a\.parquet: cannot be read: Permission denied"):
        again(store).finished()


def test_a_read_only_folder_is_one_sentence(store, monkeypatch):
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StoreError, match="written: Permission denied; 2 finished runs"):
        store.commit(make_row("c"), make_history())
    with pytest.raises(StoreError, match="store: cannot be written: Permission denied"):
        again(store).write_config("seed: 1\n")


def test_stores_need_no_jax():
    code = "import sys, epiplexity_jax.store; assert not {'jax', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_start_is_a_line_of_its_own_behind_a_torn_one(store):
    file = store.path / "provenance.jsonl"
    file.write_text('{"torn')
    store.note_start({"started": "now"})
    store.note_start({"started": "later"})
    assert file.read_text().splitlines() == ['{"torn', '{"started": "now"}', '{"started": "later"}']


def test_starts_that_are_torn_or_nest_too_deep_are_left_out(store):
    file = store.path / "provenance.jsonl"
    file.write_text('{"torn\n' + "[" * 200_000 + '\n{"started": "now"}\n')
    assert store.starts() == [{"started": "now"}]


def test_runs_whose_histories_are_gone_are_said(store):
    runs = store.finished()
    history_file(store, "a").unlink()
    found = again(store)
    assert set(found.finished()) == set(runs) - {"a"}
    (said,) = found.warnings
    assert said.endswith(
        "1 of the runs in runs.parquet have no history there and count as not done"
    )
