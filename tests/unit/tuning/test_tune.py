"""Tuning through the store: trials of all sources together, trained once, each source its own."""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.engine.recorder import Outcome
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.executor import SweepContext
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.plan import TUNING_SEED, make_plan
from epiplexity_jax.sweep.run_row import finished_row
from epiplexity_jax.sweep.wave import FinishedRun
from epiplexity_jax.tuning.search import MOST_RUNS
from epiplexity_jax.tuning.tune import PLAIN, Care, most_flops, sources_to_tune, tune
from tests.unit.sweep.contexts import Counter
from tests.unit.sweep.plans import SWEEP, plan_of

TRAINING = {"steps": 64, "warmup_steps": 4, "batch_size": 16}
UNIFORM = math.log(4.0)


def sweep_of(**sections):
    return parse_sweep({**SWEEP, "training": TRAINING, "recipe": "tuned", **sections})


def made(run):
    """A history whose loss is least at a rate of 0.24 on the chain; noise is never learnt."""
    away = abs(math.log2(run.learning_rate / 0.24))
    loss = UNIFORM - 0.5 / (1.0 + away) if run.dataset.name == "chain" else UNIFORM + 0.01
    losses = np.array([UNIFORM, loss])
    labels = run.steps * run.batch_size * run.dataset.task.label_tokens
    sums = np.array([0.0, labels * loss])
    blocks = np.repeat(losses[:, None], 64, axis=1)
    return {
        "step": np.array([0, run.steps]),
        "label_tokens": np.array([0, labels]),
        **{f"{name}_tokens": np.array([0, 1]) for name in ("train", "teacher")},
        "spent_flops": np.array([0.0, run.flops]),
        "online_loss_sum_nats": sums,
        "online_loss_sum_var": np.zeros(2),
        **{f"heldout_{raw}loss_nats": losses for raw in ("", "raw_")},
        **{f"heldout_{raw}loss_stderr": np.full(2, 1e-4) for raw in ("", "raw_")},
        **{f"heldout_{raw}block_losses_nats": blocks for raw in ("", "raw_")},
    }


@dataclass
class Made:
    """An executor whose runs are made up (see `sweep.executor.Executor`)."""

    hardware: Hardware = Hardware(1, "cpu")
    devices: str = "none"
    rounds: list = field(default_factory=list)

    def train(self, context, waves):
        self.rounds.append([i for wave in waves for i in wave.run_ids])
        for wave in waves:
            runs = [context.plan.trainer.runs[i] for i in wave.run_ids]
            outcome = [Outcome(RunStatus.FINISHED, "", run.steps) for run in runs]
            yield [
                FinishedRun(finished_row(run, wave, out, 1.0), made(run), None)
                for run, out in zip(runs, outcome, strict=True)
            ]


def tuned(folder, care=PLAIN, **sections):
    plan = make_plan(sweep_of(**sections), "cpu")
    executor, progress = Made(), Counter()
    store = Store.open(folder, create=True)
    with store.lock():
        found = tune(SweepContext(plan, store, progress, lambda: False), executor, care)
    return found, executor, progress


def test_each_source_has_the_recipe_that_codes_it_best(tmp_path):
    found, executor, progress = tuned(tmp_path / "store")
    chain, noise = (found.sweep.recipes[name] for name in ("chain", "noise"))
    assert chain.learning_rate == pytest.approx(0.24)
    assert noise.learning_rate == 0.03
    assert (chain.warmup_steps, chain.batch_size, chain.steps) == (4, 16, 64)
    assert chain.tried == len(
        {t.learning_rate + 100 * t.row["ema_growth"] for t in of(found, "chain")}
    )
    assert {run.dataset.name for run in found.trials} == {"chain", "noise"}
    first = set(executor.rounds[0])
    assert {t.dataset.name for t in found.trials if t.run_id in first} == {"chain", "noise"}
    assert any("chain: rate 0.24" in said for said in progress.messages)


def of(found, name):
    return [run for run in found.trials if run.dataset.name == name]


def test_a_second_time_trains_nothing_and_chooses_the_same(tmp_path):
    first, _, _ = tuned(tmp_path / "store")
    files = {f.name: f.stat().st_mtime_ns for f in (tmp_path / "store").iterdir()}
    again, executor, _ = tuned(tmp_path / "store")
    assert executor.rounds == []
    assert again.sweep == first.sweep
    assert [run.run_id for run in again.trials] == [run.run_id for run in first.trials]
    del files[".lock"]
    assert files == {name: (tmp_path / "store" / name).stat().st_mtime_ns for name in files}


def test_a_given_recipe_and_a_fixed_one_are_left_alone(tmp_path):
    given = {"learning_rate": 0.1, "warmup_steps": 4, "batch_size": 16, "steps": 64}
    recipes = {"chain": given | {"ema_growth": 0.1}}
    found, executor, _ = tuned(tmp_path / "one", recipes=recipes)
    assert found.sweep.recipes["chain"].learning_rate == 0.1
    assert of(found, "chain") == []
    assert of(found, "noise")
    found, executor, _ = tuned(tmp_path / "two", recipe="fixed")
    assert (found.trials, executor.rounds, found.sweep.recipes) == ((), [], {})


def test_what_is_to_be_tuned_and_its_cost():
    plan = plan_of(recipe="tuned", training={"steps": 8})
    assert sources_to_tune(plan) == ("chain", "noise")
    each = [run.flops for run in plan.runs if run.seed == 0]
    assert most_flops(plan) == MOST_RUNS * sum(each)
    counted = plan_of(recipe="tuned", family={"kind": "ngram", "orders": [1]})
    assert (sources_to_tune(counted), most_flops(counted)) == ((), 0.0)
    assert most_flops(plan_of(recipe="fixed")) == 0.0


def test_several_seeds_decide_over_the_whole_budget_and_one_screens(tmp_path):
    found, executor, _ = tuned(tmp_path / "store", Care(seeds=3))
    assert found.sweep.recipes["chain"].learning_rate == pytest.approx(0.24)
    seeds = {}
    for run in found.trials:
        seeds.setdefault(run.steps, set()).add(run.seed - TUNING_SEED)
    assert seeds.pop(64) == {0, 1, 2}
    assert set(map(tuple, seeds.values())) == {(0,)}
    again, executor, _ = tuned(tmp_path / "store", Care(seeds=3))
    assert (executor.rounds, again.sweep) == ([], found.sweep)
    plan = plan_of(recipe="tuned", training={"steps": 8})
    assert most_flops(plan, Care(seeds=3)) == 3 * most_flops(plan)
