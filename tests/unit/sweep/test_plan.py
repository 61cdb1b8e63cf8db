"""Plans: every run once, and what is refused before training."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from tests.unit.sweep.plans import ids

REPLAY = (
    "sources={again: {kind: replay, times: 3, source: "
    "{kind: subsample, sequences: 200, source: {kind: noise, vocab_size: 4, length: 16}}}}"
)


def test_every_run_has_its_own_name(plan):
    runs = plan().runs
    assert len({run.run_id for run in runs}) == len({run.label for run in runs}) == len(runs) == 8
    assert ids(plan()) == ids(plan())


def test_replayed_data_lasts_as_often_as_was_asked(plan):
    """200 sequences, a tenth held out, in batches of 4: 45 steps an epoch."""
    assert plan(REPLAY, "training.steps=135").runs
    with pytest.raises(DataError, match="180 training sequences read 3 times, at most 135 steps"):
        plan(REPLAY, "training.steps=136")


def test_counts_refuse_vectors_in_one_line(plan, tmp_path):
    np.savez(tmp_path / "data.npz", inputs=np.ones((500, 3)), labels=np.arange(500) % 2)
    source = f"sources={{x: {{kind: labelled, path: {tmp_path}/data.npz}}}}"
    assert plan(source).runs[0].dataset.task.features == 3
    with pytest.raises(ConfigError, match=r"^sources\.x: .*vectors"):
        plan(source, "family={kind: ngram}")


@pytest.mark.parametrize(
    "override",
    [
        "family.seeds=3",
        "family.widths=[8, 16, 32]",
        "family.depths=[1, 2]",
        "sources.more={kind: noise, vocab_size: 3, length: 16}",
    ],
)
def test_more_runs_keep_those_that_were_there(plan, override):
    before, after = ids(plan()), ids(plan(override))
    assert before.items() < after.items()


def test_an_entropy_rate_floor_needs_a_known_entropy_rate(plan, tmp_path):
    (tmp_path / "book.txt").write_text("It was the best of times. " * 400, encoding="ascii")
    book = f"sources.book={{kind: text, path: {tmp_path}/book.txt, alphabet: bytes, length: 16}}"
    plan(book)
    with pytest.raises(ConfigError, match=r"^estimator\.floor: .*'book' is not known; use ema"):
        plan(book, "estimator.floor=entropy_rate")


def test_counting_families_are_coded_online(plan):
    counting = "family={kind: ngram}"
    assert plan(counting, "estimator.variant=online").runs
    with pytest.raises(ConfigError, match=r"^estimator\.variant: .*ngram.*online"):
        plan(counting, "estimator.variant=paired")


@pytest.mark.parametrize(
    ("text", "override", "parts"),
    [
        (None, "seed=0", ["book.txt", "no such"]),
        ("", "seed=0", ["book.txt", "empty"]),
        ("a", "seed=0", ["book.txt"]),
        ("It was the best of times. ", "seed=0", ["sources.book"]),
        ("It was the best of times. " * 400, "training.steps=100000", ["steps", "at most"]),
        ("caf\u00e9 " * 400, "sources.book.alphabet=ascii96", ["book.txt", "alphabet"]),
    ],
    ids=["missing", "empty", "one token", "short", "one epoch", "alphabet"],
)
def test_a_source_that_does_not_last_is_refused(plan, tmp_path, text, override, parts):
    path = tmp_path / "book.txt"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    book = f"sources.book={{kind: text, path: {path}, alphabet: bytes, length: 16}}"
    with pytest.raises(DataError) as refused:
        plan(book, override)
    said = str(refused.value)
    assert "\n" not in said
    assert all(part in said for part in parts), said


def test_a_grid_has_tokens_for_each_source_and_size(plan):
    wide = "family.widths=[8, 16]"
    runs = plan(wide, "grid={chain: {width 8 depth 1: 1000}, noise: {}}").runs
    assert {(run.dataset.name, str(run.size), run.steps) for run in runs} == {
        ("chain", "width 8 depth 1", 15)  # 17 tokens a sequence, batches of 4
    }
    assert {run.run_id for run in plan(wide, "training.steps=15").runs} >= {
        run.run_id for run in runs
    }
    with pytest.raises(ConfigError, match=r"grid\.chain: unknown size 'width 9 depth 1'"):
        plan(wide, "grid={chain: {width 9 depth 1: 1000}}")
    with pytest.raises(ConfigError, match="grid: unknown source 'chian'"):
        plan(wide, "grid={chian: {}}")


def test_budgets_need_test_tokens(plan):
    with pytest.raises(ConfigError, match=r"frontier\.test_tokens: .* required with budgets"):
        plan("budgets=[1e9]")
    with pytest.raises(ConfigError, match="budgets: expected one or more"):
        plan("budgets=[]", "frontier={test_tokens: 100}")
