"""A sweep of budgets is prepared without sizes or steps, and trained through its store."""

import epiplexity_jax as epx
from epiplexity_jax.planning.budgets import prepare, train_for_budgets
from epiplexity_jax.sweep.config import parse_sweep
from tests.unit.sweep.plans import SWEEP

PLANNED = SWEEP | {
    "family": {"kind": "ngram", "seeds": 2},
    "budgets": [4e6, 1e6],
    "frontier": {"test_tokens": 2e4},
    "training": {"batch_size": 4},
}


def test_sizes_and_tuning_follow_from_the_budgets():
    prepared = prepare(parse_sweep(PLANNED), "cpu")
    assert prepared.question.budgets == (1e6, 4e6)
    assert prepared.sweep.frontier.compute == (1e6, 4e6)
    grid = prepared.first_grid(0.25)
    assert grid.keys() == SWEEP["sources"].keys()
    assert all(sizes for sizes in grid.values())
    assert callable(train_for_budgets)


def test_a_plan_tunes_the_smallest_size_that_may_be_an_optimum():
    plain = {"family": {"kind": "transformer", "seeds": 2}, "training": {}}
    budgets = {"budgets": [1e9, 4e9], "frontier": {"test_tokens": 1e5}}
    prepared = prepare(parse_sweep(SWEEP | plain | budgets | {"recipe": "tuned"}), "cpu")
    (width,) = prepared.tuning.family.widths
    first = [int(name.split()[1]) for name in prepared.first_grid(1.0)["chain"]]
    assert width == first[1]
    training = prepared.sweep.training
    assert (training.batch_size, training.warmup_steps, training.learning_rate) == (16, 10, None)


def test_a_family_that_counts_is_planned_and_trained_once(tmp_path):
    def run():
        return epx.run(
            epx.sources.Markov(vocab_size=4, length=16),
            epx.families.Ngram(seeds=2),
            store=tmp_path / "store",
            budgets=(1e6, 4e6),
            frontier=epx.FrontierOptions(test_tokens=2e4),
            training=epx.Training(batch_size=4),
            heldout=epx.Heldout(tokens=2048),
        )

    first = run().decompositions()
    files = {path.stat().st_mtime_ns for path in (tmp_path / "store/histories").iterdir()}
    assert [one.compute_flops for one in first] == [1e6, 4e6]
    assert first[1].params > 0
    again = run().decompositions()
    assert [one.epiplexity_bits for one in again] == [one.epiplexity_bits for one in first]
    assert files == {path.stat().st_mtime_ns for path in (tmp_path / "store/histories").iterdir()}


def test_a_plan_is_counted_without_training():
    found = epx.plan(
        epx.sources.Markov(vocab_size=4, length=16),
        epx.families.Ngram(seeds=2),
        budgets=(1e6,),
        test_tokens=2e4,
        training=epx.Training(batch_size=4),
        heldout=epx.Heldout(tokens=2048),
    )
    assert found.summary["finished"] == 0
    assert found.summary["flops"] > 0
