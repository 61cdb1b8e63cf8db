"""Streams of runs: sums of their histories, and the same bits however the runs are trained."""

import itertools

import numpy as np
import pytest

from epiplexity_jax.checkpoints.keeper import Checkpoints
from epiplexity_jax.checkpoints.options import CheckpointOptions
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.executors.local import Local
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.executor import SweepContext
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.runner import run_plan
from tests.unit.sweep.contexts import Counter, wave_context
from tests.unit.sweep.plans import plan_of

CHAIN = {"kind": "markov", "vocab_size": 4, "length": 16}
NOISE = {"kind": "noise", "vocab_size": 4, "length": 16}
MIX = {"kind": "mix", "sources": [{"source": CHAIN}, {"weight": 3.0, "source": NOISE}]}
ROWS = {"kind": "tokens", "path": "ragged.npy", "pad": 0, "rows": "keep"}
GAME = {"kind": "tic_tac_toe"}  # drawn on the device, and so are its masks
FAMILY = {"kind": "transformer", "widths": [8], "depths": [1], "seeds": 1}
COUNTS = {"kind": "ngram", "orders": [2], "seeds": 1}
CAPPED = {"kind": "requential", "max_kl": 2e-7, "max_iterations": 40}
WAYS = {
    "prequential": {},
    "requential": {"estimator": {"kind": "requential"}},
    "capped": {"estimator": CAPPED},
    "counts": {"family": COUNTS},
    "mixed": {"sources": {"mix": MIX}},
    "mixed, capped": {"sources": {"mix": MIX}, "estimator": CAPPED},
    "mixed, counts": {"sources": {"mix": MIX}, "family": COUNTS},
    "varying labels": {"sources": {"rows": ROWS}},
    "varying labels, capped": {"sources": {"rows": ROWS}, "estimator": CAPPED},
    "varying labels, counts": {"sources": {"rows": ROWS}, "family": COUNTS},
    "varying labels, drawn": {"sources": {"game": GAME}},
    "varying labels, drawn, capped": {"sources": {"game": GAME}, "estimator": CAPPED},
    "varying labels, drawn, counts": {"sources": {"game": GAME}, "family": COUNTS},
    "small batch": {"training": {"steps": 8, "batch_size": 3}},
}


@pytest.fixture(autouse=True)
def _rows(tmp_path, monkeypatch):
    drawn, places = np.random.default_rng(0), np.arange(16)
    rows = np.where(places < drawn.integers(0, 17, (4000, 1)), drawn.integers(1, 5, (4000, 16)), 0)
    np.save(tmp_path / "ragged.npy", rows.astype(np.uint8))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sweep(tmp_path, devices):
    def start(name="store", **sections):
        store, progress = Store.open(tmp_path / name, create=True), Counter()
        defaults = {"family": FAMILY, "sources": {"chain": CHAIN}}
        plan = plan_of(**{**defaults, **sections})
        with store.lock():
            run_plan(SweepContext(plan, store, progress, lambda: False), Local(devices))
        return plan, store

    return start


def stream_of(plan, store):
    (run,) = plan.runs
    stream = store.stream(run.run_id)
    assert stream is not None
    return stream


def assert_same(one, other):
    assert list(one) == list(other)
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name], err_msg=name)


@pytest.mark.parametrize("way", WAYS)
def test_blocks_sum_to_the_history(sweep, way):
    plan, store = sweep(**WAYS[way])
    (run,) = plan.runs
    stream, history = stream_of(plan, store), store.history(run.run_id)
    row = store.finished()[run.run_id]
    assert stream["last_step"].tolist() == list(range(1, row["steps_done"] + 1))
    for name in ("online_loss", "kl", "kl_raw"):
        if f"{name}_nats" in stream:
            total = history[f"{name}_sum_nats"][-1]
            each = stream[f"{name}_nats"]
            assert abs(each.sum() - total) <= 1e-9 * np.abs(each).sum()
            groups = stream[f"{name}_groups_nats"]
            assert groups.shape[1] == min(8, run.batch_size)
            np.testing.assert_allclose(groups.sum(1), each, rtol=1e-4, atol=1e-4)
    assert ("kl_nats" in stream) == (row["estimator"] == "requential")
    components, labels = stream["component_loss_nats"], stream["component_label_tokens"]
    assert components.shape[1] == labels.shape[1] == (2 if way.startswith("mixed") else 1)
    np.testing.assert_allclose(components.sum(1), stream["online_loss_nats"], rtol=1e-5)
    assert (components[labels == 0] == 0).all()
    learnt = row["teacher_steps"] or row["steps_done"]
    assert (learnt < row["steps_done"]) == way.endswith("capped")
    np.testing.assert_array_equal(np.cumsum(labels.sum(1)), stream["label_tokens"])
    expected = learnt * row["label_tokens_per_step"]
    if way.startswith("varying"):
        expected = history.get("teacher_label_tokens", history["label_tokens"])[-1]
        assert abs(expected / (learnt * row["label_tokens_per_step"]) - 1) < 0.3
        np.testing.assert_array_equal(stream["group_label_tokens"].sum(1), labels.sum(1))
    assert stream["label_tokens"][-1] == expected
    assert ("group_label_tokens" in stream) == way.startswith("varying")


@pytest.mark.parametrize("way", ["prequential", "requential", "mixed", "varying labels"])
def test_a_longer_run_has_the_stream_that_it_would_have_alone(sweep, way):
    """The shorter one ends within a block."""
    of = WAYS[way]
    plans = [sweep(**of, training={"steps": n, "batch_size": 2}) for n in (514, 531)]
    alone = sweep("alone", **of, training={"steps": 531, "batch_size": 2})
    (short, long), whole = [stream_of(*each) for each in plans], stream_of(*alone)
    assert short["last_step"][-3:].tolist() == [511, 512, 514]
    assert long["last_step"][-4:].tolist() == [517, 522, 528, 531]
    assert_same(long, whole)
    np.testing.assert_array_equal(short["online_loss_nats"][:-1], long["online_loss_nats"][:512])
    assert short["online_loss_nats"][-1] < long["online_loss_nats"][512]


@pytest.mark.parametrize(
    "way", ["prequential", "capped", "mixed", "varying labels", "varying labels, capped"]
)
def test_a_run_that_was_stopped_has_the_stream_of_one_that_was_not(way, tmp_path):
    sections = {"family": FAMILY, "sources": {"chain": CHAIN}} | WAYS[way]
    trainer = plan_of(**sections).trainer
    (wave,) = trainer.waves(list(trainer.runs.values()), {}, Hardware(1, "cpu"))
    (whole,) = trainer.train(wave, wave_context(Counter()))
    later, starts = wave, []
    for _ in range(3):
        asked = itertools.count()
        stop = lambda asked=asked: next(asked) >= 1  # noqa: E731
        with pytest.raises(Interrupted):
            trainer.train(later, wave_context(Counter(), tmp_path, stop))
        later, _ = trainer.restore_wave(later, Checkpoints(tmp_path, CheckpointOptions()))
        starts.append(later.start)
    assert 0 < starts[0] < starts[-1] < wave.iterations
    (ended,) = trainer.train(later, wave_context(Counter()))
    assert_same(ended.stream, whole.stream)


def test_a_run_that_diverges_keeps_its_blocks_up_to_the_last_finite_step(sweep):
    training = {"steps": 40, "batch_size": 4, "learning_rate": 1e30}
    plan, store = sweep(training=training)
    (run,) = plan.runs
    row, stream = store.finished()[run.run_id], stream_of(plan, store)
    assert row["status"] == "diverged"
    assert len(stream["last_step"]) == row["steps_done"]
    assert np.isfinite(stream["online_loss_nats"]).all()


def test_a_run_that_continues_one_without_a_stream_has_none(sweep):
    short, store = sweep()
    file = store.path / "streams" / f"{short.runs[0].run_id}.parquet"
    file.unlink()
    longer, store = sweep(training={"steps": 10, "batch_size": 4})
    assert store.stream(longer.runs[0].run_id) is None
    file.write_bytes(b"damaged")
    longest, store = sweep(training={"steps": 12, "batch_size": 4})
    assert store.stream(longest.runs[0].run_id) is None


def test_runs_of_one_order_are_those_that_read_the_same_batches():
    def orders(**sections):
        plan = plan_of(**{"sources": {"chain": CHAIN}, **sections})
        return {run.row["data_order"] for run in plan.runs}

    sizes = {"kind": "transformer", "widths": [8, 16], "depths": [1, 2], "seeds": 1}
    usual = orders(family=sizes)
    assert len(usual) == 1
    training = {"steps": 99, "batch_size": 4}
    assert orders(family=COUNTS, training=training) == usual
    assert orders(family=FAMILY, estimator=CAPPED) == usual
    assert orders(family=sizes, sources={"other name": CHAIN}) == usual
    assert len(orders(family=sizes | {"seeds": 3}) - usual) == 2
    for change in (
        {"seed": 1},
        {"training": {"steps": 8, "batch_size": 5}},
        {"sources": {"chain": NOISE}},
    ):
        assert not orders(family=FAMILY, **change) & usual


def test_what_is_held_out_of_a_finite_source_changes_the_order():
    finite = {"kind": "subsample", "sequences": 2000, "source": CHAIN}

    def order(tokens):
        plan = plan_of(family=FAMILY, sources={"some": finite}, heldout={"tokens": tokens})
        return plan.runs[0].row["data_order"]

    assert order(512) == order(512) != order(1024)
