"""The package against a plain NumPy program that shares no code with it, on a stored sweep."""

from pathlib import Path

import numpy as np
import pytest

import epiplexity_jax as epx
from benchmarks.simulated_runs import Simulated
from benchmarks.simulated_runs import runs as simulated
from epiplexity_jax.estimators.requential_recorder import COLUMNS
from epiplexity_jax.store import Store
from tests.oracles import plain
from tests.oracles.comparing import assert_lengths_are_plain
from tests.unit.store.stored import make_row

STORED = Path(__file__).parents[1] / "data" / "store_v1"
TEST = 1e6
IN_TURNS = Simulated(steps=600, heldout_sequences=2048, record_share=0.05)


def store_of(curves, path, sends=False):
    """Simulated runs as a store; with `sends` as teachers of students."""
    store = Store.open(path, create=True)
    store.write_config("sources: {text: {}}\nfrontier: {test_tokens: 1.0e6}\n")
    for curve in curves:
        history = {
            "step": curve.steps,
            "train_tokens": curve.train_tokens.astype(np.int64),
            "label_tokens": curve.label_tokens.astype(np.int64),
            "teacher_tokens": np.zeros(curve.steps.size, np.int64),
            "spent_flops": 1.0 * curve.steps,
            "online_loss_sum_nats": curve.online.sum_nats,
            "online_loss_sum_var": curve.online.sum_var,
            "heldout_turn": curve.ema.turns,
        }
        for name, losses in (("heldout", curve.ema), ("heldout_raw", curve.raw)):
            history[f"{name}_loss_nats"] = losses.loss_nats
            history[f"{name}_loss_stderr"] = losses.stderr_nats
            history[f"{name}_block_losses_nats"] = losses.blocks_nats
            history[f"{name}_final_block_losses_nats"] = losses.finals_nats
        row = make_row(
            f"{curve.params}-{curve.seed}",
            size=curve.size,
            params=curve.params,
            seed=curve.seed,
            vocab_size=curve.vocab_size,
            batch_size=curve.batch_size,
            steps=int(curve.steps[-1]),
            steps_done=int(curve.steps[-1]),
            variants=list(curve.variants),
            **vars(curve.cost),
        )
        if sends:
            row |= {"estimator": "requential", "variants": ["switch", "ema_student", "student"]}
            row |= {"variant": "switch", "max_kl": 0.1}
            store.commit(row, taught(curve, history), COLUMNS)
        else:
            store.commit(row, history)
    return path


def taught(curve, history):
    """The history of a student whose teacher is a simulated run and waits one step in five.

    The student's losses lie above the teacher's; averaged weights pay less from the middle on.
    """
    students = {name: history[name] for name in history if name.startswith("heldout_")}
    teachers = {
        f"teacher_{name}": losses for name, losses in students.items() if "turn" not in name
    }
    for name, losses in teachers.items():
        students[name.removeprefix("teacher_")] = losses * 1.05
    learnt = (0.8 * curve.steps).astype(np.int64)
    rate = 40.0 / (1.0 + curve.steps / 50.0)
    sums = {
        "kl_sum_nats": np.cumsum(rate * (1.0 + 30.0 / (1.0 + curve.steps))),
        "kl_raw_sum_nats": np.cumsum(rate * 1.2 + 0.1 * curve.seed),
    }
    for name in ("kl_sum", "kl_raw_sum"):
        sums[f"{name}_nats"] -= sums[f"{name}_nats"][0]
        sums[f"{name}_var"] = 0.01 * sums[f"{name}_nats"]
    return (
        history
        | students
        | teachers
        | sums
        | {
            "teacher_tokens": learnt * curve.cost.train_tokens_per_step,
            "online_loss_sum_nats": 0.8 * history["online_loss_sum_nats"],
            "online_loss_sum_var": 0.8 * history["online_loss_sum_var"],
            "certified_sum_bits": 3.0 * sums["kl_sum_nats"] + curve.steps,
            "certified_raw_sum_bits": 2.5 * sums["kl_raw_sum_nats"] + curve.steps,
            "log_ratio_sum_nats": sums["kl_sum_nats"],
            "log_ratio_sum_var": sums["kl_sum_var"],
            "student_loss_sum_nats": history["online_loss_sum_nats"],
        }
    )


@pytest.fixture(scope="module", params=["one subset", "turns", "messages"])
def stored(request, tmp_path_factory):
    if request.param == "one subset":
        return STORED
    curves = simulated(IN_TURNS, (100_000, 400_000), 2, np.random.default_rng(3))
    folder = tmp_path_factory.mktemp("s") / "turns"
    return store_of(curves, folder, sends=request.param == "messages")


@pytest.fixture(scope="module")
def runs(stored):
    return epx.load(stored)


def test_the_turns_are_in_the_store(tmp_path):
    (curve,) = simulated(IN_TURNS, (100_000,), 1, np.random.default_rng(3))
    (found,) = epx.load(store_of([curve], tmp_path / "turns")).curves("text")
    for mine, theirs in ((curve.ema, found.ema), (curve.raw, found.raw)):
        assert theirs.turns.max() > 5
        np.testing.assert_array_equal(mine.adjusted(), theirs.adjusted())
        factors = theirs.subset_errors()
        assert {name for name, rows in factors.items() if rows.any()} == {
            "record 64",
            f"turns 64 {curve.batch_size}",
        }
        for name, rows in mine.subset_errors().items():
            np.testing.assert_array_equal(rows, factors[name])


def test_every_length_and_time_is_that_of_the_plain_program(runs, stored):
    assert_lengths_are_plain(runs, stored, TEST)


def test_the_frontier_is_that_of_the_plain_program(runs, stored):
    for source in runs.sources:
        found = runs.frontier(TEST, source, variant="switch")
        members = plain.read(stored, source)
        shift = plain.correction([run for seeds in members.values() for run in seeds])
        hull = plain.frontier([plain.member(seeds, shift, TEST) for seeds in members.values()])
        np.testing.assert_allclose(found.compute, hull[:, 0], rtol=1e-12)
        for budget in np.geomspace(hull[0, 0], hull[-1, 0], 7):
            model, data = plain.at(hull, float(budget))
            answer = found.traced.at(float(budget))
            assert answer.model_bits == pytest.approx(model, rel=1e-12, abs=1e-6)
            assert answer.data_bits == pytest.approx(data, rel=1e-12)
