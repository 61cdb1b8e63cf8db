"""Sources opened for a sweep."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from tests.unit.sweep.plans import plan_of

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
