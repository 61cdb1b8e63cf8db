"""Sources opened for a sweep."""

import dataclasses

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.families.spec import Task
from epiplexity_jax.sweep import dataset as module
from tests.unit.sweep.plans import plan_of

NOISE = {"noise": {"kind": "noise", "vocab_size": 4, "length": 16}}
TEXT = {"kind": "text", "alphabet": "bytes", "length": 16}


def test_the_held_out_set_is_drawn_once_in_eval_batches():
    dataset = plan_of().datasets[0]
    layout = dataset.layout
    assert dataset.heldout is dataset.heldout
    assert dataset.heldout.shape[:2] == (layout.eval_batches, layout.eval_batch_size)
    assert layout.sequences == 2048 // 16
    assert dataset.split is None


def test_the_same_data_under_another_name_is_a_copy():
    noise = {"kind": "noise", "vocab_size": 4, "length": 16}
    plan = plan_of(sources={"first": noise, "second": noise, "other": noise | {"length": 8}})
    assert [dataset.copy for dataset in plan.datasets] == [0, 1, 0]


def test_a_drawn_source_has_at_least_64_held_out_sequences():
    (first, *_) = plan_of(heldout={"tokens": 1}).datasets
    assert first.layout.sequences >= 64


def test_record_points_hold_no_more_than_the_held_out_set():
    plan_of(heldout={"tokens": 2048, "record_tokens": 2048})
    with pytest.raises(ConfigError, match=r"^heldout\.record_tokens: 4,096 are more than .* 2,048"):
        plan_of(heldout={"tokens": 2048, "record_tokens": 4096})


def test_an_eval_batch_without_labels_is_refused_where_a_turn_would_score_it_alone(monkeypatch):
    (dataset, *_) = plan_of(heldout={"tokens": 64 * 16 * 16}).datasets
    counts = np.ones((dataset.layout.eval_batches, 64), np.int64)
    counts[3] = 0
    varied = dataclasses.replace(dataset.task, labels_vary=True)
    dataset = dataclasses.replace(dataset, task=varied)
    monkeypatch.setattr(Task, "label_counts", lambda self, heldout: counts)
    assert dataset.layout.takes_turns
    with pytest.raises(DataError, match="no token of 64 held-out sequences is paid for"):
        dataset.heldout_labels(1)
    layout = dataclasses.replace(dataset.layout, record_share=0.0)
    assert dataclasses.replace(dataset, layout=layout).heldout_labels(1) == 64


def test_a_held_out_set_beyond_the_hosts_memory_is_refused(monkeypatch):
    asked = {"sources": NOISE, "heldout": {"tokens": 30_000}}
    held = 64 * 29  # sequences, one byte a token
    needed = held * 16 + 2048 * 16 * 40  # and two draws of 1024, at 40 bytes a token
    monkeypatch.setattr(module, "host_memory", lambda: needed / module.USABLE)
    plan_of(**asked)
    monkeypatch.setattr(module, "host_memory", lambda: (needed - 1) / module.USABLE)
    said = r"^heldout\.tokens: sources\.noise needs 1\.3 MiB for 1,856 held-out sequences of 16 "
    with pytest.raises(ConfigError, match=said):
        plan_of(**asked)


def test_a_file_is_split_and_its_missing_is_said_with_the_key(tmp_path):
    path = tmp_path / "book.txt"
    with pytest.raises(DataError, match=r"^sources\.book: "):
        plan_of(sources={"book": TEXT | {"path": str(path)}})
    path.write_text("It was the best of times. " * 400, encoding="ascii")
    (dataset,) = plan_of(sources={"book": TEXT | {"path": str(path)}}).datasets
    assert dataset.split is not None
    drawn = np.asarray(dataset.stream(seed=0, batch_size=4).chunk(0, 2, 2))
    assert drawn.shape[:2] == (2, 4)


def test_an_entropy_rate_holds_for_all_labels_only():
    noise = plan_of().datasets[1]
    assert noise.info.entropy_rate_nats == pytest.approx(np.log(4))
    counted = plan_of(family={"kind": "ngram", "orders": [2]}).datasets[1]
    same = counted.task.label_tokens == counted.source.info.label_tokens
    assert (counted.info.entropy_rate_nats is not None) == same


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_bytes(np.random.default_rng(0).bytes(16 * 400))
    return TEXT | {"path": str(path)}


def test_held_out_data_are_chosen_as_the_config_asks(book):
    (windows,) = plan_of(sources={"book": book}).datasets
    (region,) = plan_of(sources={"book": book}, heldout={"split": "documents"}).datasets
    assert (windows.split.kind, region.split.kind) == ("windows", "documents")
    held = np.sort(region.split._parts.heldout)
    assert held.tolist() == list(range(held[0], held[0] + len(held)))
    assert windows.identity() == {}
    assert list(region.identity()) == ["heldout_split"]
    (dropped,) = plan_of(sources={"book": book}, heldout={"duplicates": "drop"}).datasets
    assert dropped.identity() == {"heldout_duplicates": "drop"}


def test_borders_of_files_are_part_of_an_identity(tmp_path):
    """Equal text in other files; where windows are held out the files do not matter."""
    text = np.random.default_rng(0).bytes(16 * 400).hex()[:6400]
    identities, runs = [], []
    for end in (3000, 4000):
        folder = tmp_path / str(end)
        folder.mkdir()
        (folder / "a").write_text(text[:end])
        (folder / "b").write_text(text[end : end + 100])
        (folder / "c").write_text(text[end + 100 :])
        sources = {"book": TEXT | {"path": str(folder), "files": "*", "length": 4}}
        (windows,) = plan_of(sources=sources).datasets
        (files,) = plan_of(sources=sources, heldout={"split": "documents", "tokens": 30}).datasets
        assert windows.identity() == {}
        identities.append(files.identity()["heldout_split"])
        runs.append(windows.info.fingerprint)
    assert identities[0] != identities[1]
    assert runs[0] == runs[1]


@pytest.mark.parametrize(("key", "value"), [("split", "windows"), ("duplicates", "drop")])
def test_a_rule_for_finite_sources_alone_is_refused_where_all_are_drawn(book, key, value):
    with pytest.raises(ConfigError, match=rf"^heldout\.{key}: {value} applies to finite sources, "):
        plan_of(heldout={key: value})
    noise = {"kind": "noise", "vocab_size": 4, "length": 16}
    plan = plan_of(sources={"book": book, "noise": noise}, heldout={key: value})
    assert [dataset.split is None for dataset in plan.datasets] == [False, True]


def test_drawn_sequences_are_documents():
    default, documents = (
        plan_of(heldout={"tokens": 2048, "split": split}) for split in (None, "documents")
    )
    assert [run.run_id for run in documents.runs] == [run.run_id for run in default.runs]
