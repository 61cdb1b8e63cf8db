"""Rows with random access: who reads them changes nothing, wrong ones are named."""

import subprocess
import sys
import threading
from concurrent.futures.process import BrokenProcessPool

import grain
import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources import from_grain, random_access
from epiplexity_jax.sources.spec import FiniteSource
from epiplexity_jax.sources.token_array import TokenSequences

TABLE = np.random.default_rng(0).integers(0, 300, (90, 12))
ALL = np.arange(90)


def dataset(table=TABLE):
    return grain.MapDataset.source(table)


def shuffled():
    return dataset().seed(3).shuffle().map(lambda row: (row + 1) % 300)


def test_who_reads_and_when_changes_nothing():
    """Kept, read again, and read by two workers: equal rows at any place, equal fingerprints."""
    kept = from_grain(shuffled(), vocab_size=300)
    again = from_grain(shuffled(), vocab_size=300, memory=0)
    workers = from_grain(shuffled(), vocab_size=300, memory=0, workers=2)
    assert [type(each) for each in (kept, again, workers)] == [
        TokenSequences,
        FiniteSource,
        FiniteSource,
    ]
    order = np.random.default_rng(1).integers(0, 90, 70)
    expected = np.stack([shuffled()[int(i)] for i in order])
    for source in (kept, again, workers):
        assert np.array_equal(source.read(order), expected)
        assert source.info.fingerprint == kept.info.fingerprint
        assert source.read(order).dtype == np.uint16
        assert source.read(order[:0]).shape == (0, 12)


@pytest.mark.parametrize("memory", [0, 1e9])
def test_a_label_mask_comes_with_every_row(memory):
    mask = np.arange(12) >= 8
    source = from_grain(dataset().map(lambda row: (row, mask)), vocab_size=300, memory=memory)
    assert source.info.label_mask.tolist() == mask.tolist()
    assert source.info.label_tokens == 4
    assert np.array_equal(source.read(ALL), TABLE)
    paid = from_grain(dataset(), vocab_size=300)
    assert source.info.fingerprint != paid.info.fingerprint


def changed(change, at=7):
    return dataset().map_with_index(lambda i, row: change(row) if i == at else row)


def breaks(row):
    raise OSError("disk\nfell off")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (changed(lambda row: row[:-1]), "row 7: is of shape (11,), row 0 of (12,)"),
        (changed(lambda row: row + 300), "row 7: token"),
        (changed(lambda row: row - 300), "row 7: token"),
        (changed(lambda row: row * 1.0), "row 7: must be integers"),
        (changed(breaks), "row 7: reading it raised OSError: disk fell off"),
        (changed(lambda row: np.resize(row, 13)), "row 7: is of shape (13,), and length is 12"),
        (changed(lambda row: (row, np.ones(3, bool))), "row 7: its label mask must be (12,)"),
        (dataset().filter(lambda row: row[0] > 150), "is None, as a filter leaves it"),
        (changed(lambda row: row.reshape(3, 4), at=0), "row 0 has shape (3, 4)"),
        (changed(lambda row: row[:0], at=0), "row 0 has shape (0,)"),
        (dataset().repeat(), "never ends"),
        (dataset()[:0], "is empty"),
        (dataset().to_iter_dataset(), "must be a grain.MapDataset, whose rows have an index"),
        (TABLE, "must be a grain.MapDataset"),
    ],
)
def test_what_is_refused(given, said):
    with pytest.raises(DataError) as caught:
        from_grain(given, vocab_size=300, memory=0)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_errors_of_workers_come_here():
    with pytest.raises(DataError, match="row 7: reading it raised OSError: disk fell off"):
        from_grain(changed(breaks), vocab_size=300, workers=1)
    lock = threading.Lock()
    with pytest.raises(DataError, match="cannot be sent to worker processes"):
        from_grain(dataset().map(lambda row: row if lock else None), vocab_size=300, workers=1)


def test_a_dead_worker_is_said(monkeypatch):
    class Broken:
        def map(self, function, parts):
            raise BrokenProcessPool

    monkeypatch.setattr(random_access, "ProcessPoolExecutor", lambda *args: Broken())
    with pytest.raises(DataError, match="a worker process died; `workers: 0` shows why"):
        from_grain(dataset(), vocab_size=300, workers=1)


PARENT = """
if __name__ == "__main__":
    import time
    import grain
    from epiplexity_jax.sources import from_grain

    table = grain.MapDataset.range(64).map(lambda i: [i % 9, 0])
    source = from_grain(table, vocab_size=9, memory=0, workers=1)
    print("read", flush=True)
    time.sleep(600)
"""


def test_workers_end_with_their_parent(tmp_path):
    """Even where signal 9 leaves it no time for anything; they would hold its standard output."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, script], **pipes) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "read\n"
        parent.kill()
        assert parent.communicate(timeout=60)[0] == ""
