"""Runs of a plan: what makes a run another, and what leaves it the same."""

import jax
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sweep.dry_run import summarise
from tests.unit.sweep.plans import ids, lineages, members, waves_of

REPLAY = (
    "sources={again: {kind: replay, times: 3, source: "
    "{kind: subsample, sequences: 200, source: {kind: noise, vocab_size: 4, length: 16}}}}"
)


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "training.batch_size=8",
        "training.learning_rate=0.01",
        "training.warmup_steps=5",
        "training.microbatch=2",
        "training.compute_dtype=bfloat16",
        "estimator.ema_steps=10",
        "heldout.tokens=4096",
        "heldout.record_tokens=2048",
    ],
)
def test_what_decides_numbers_makes_every_run_another(plan, override):
    before, after = plan(), plan(override)
    assert ids(before).keys() == ids(after).keys()
    assert not set(ids(before).values()) & set(ids(after).values())
    assert not set(lineages(before).values()) & set(lineages(after).values())


@pytest.mark.parametrize(
    "override",
    ["sources.chain.length=12", "sources.chain.table_seed=1", "sources.chain.concentration=0.5"],
)
def test_a_changed_source_leaves_the_other_source_alone(plan, override):
    before, after = ids(plan()), ids(plan(override))
    for label, run_id in before.items():
        assert (after[label] == run_id) == label.startswith("noise")


def test_batches_are_cut_to_fit_a_core_and_that_is_part_of_a_run(plan):
    """About 512 tokens on a CPU; naming the same number is the same run."""
    large = "training.batch_size=64"
    chosen = plan(large)
    assert {run.microbatch for run in chosen.runs} == {32}
    assert ids(plan(large, "training.microbatch=32")) == ids(chosen)
    whole = plan(large, "training.microbatch=64")
    assert not set(ids(whole).values()) & set(ids(chosen).values())
    accelerated = plan(large, "training.compute_dtype=float32", platform="gpu")
    assert ids(accelerated) == ids(whole)
    rows = summarise(chosen, jax.devices(), ()).cohorts
    assert [row["microbatch"] for row in rows] == [32] * len(rows)


def test_an_ngrams_prior_and_batch_decide_its_numbers_and_its_training_does_not(plan):
    counting = "family={kind: ngram, orders: [0, 1], seeds: 1}"
    before = ids(plan(counting))
    for override in ("family.alpha=1.0", "training.batch_size=8"):
        assert not set(before.values()) & set(ids(plan(counting, override)).values())
    for override in ("training.learning_rate=0.5", "estimator.ema_steps=3"):
        assert ids(plan(counting, override)) == before


@pytest.mark.parametrize(
    "override",
    [
        "frontier.test_tokens=1e9",
        "frontier.compute=[1e12]",
        "estimator.variant=online",
        "estimator.floor=raw",
        "estimator.floor=entropy_rate",
        "training.members_per_device=2",
        "training.keep_final_state=false",
        "trackers=[jsonl]",
    ],
)
def test_what_only_reads_or_packs_keeps_every_run(plan, override):
    assert ids(plan(override)) == ids(plan())


@pytest.mark.parametrize("override", ["estimator.variant=exact", "training.flops=compiled"])
def test_another_end_or_another_count_of_flops_continues_the_same_training(plan, override):
    """The rows differ, the training does not."""
    before, after = plan(), plan(override)
    assert not set(ids(before).values()) & set(ids(after).values())
    assert lineages(before) == lineages(after)


def test_learning_rates_of_a_family_are_members_of_their_own(plan):
    before = plan()
    alone = plan("family.learning_rates=[0.03]")
    assert ids(alone) == ids(before)
    two = plan("family.learning_rates=[0.03, 0.01]")
    assert len(two.runs) == 2 * len(before.runs)
    assert {run.learning_rate for run in two.runs} == {0.03, 0.01}
    assert {run.run_id for run in before.runs} < {run.run_id for run in two.runs}
    labels = [run.label for run in two.runs]
    assert len(set(labels)) == len(labels)
    assert "chain, width 8 depth 1, lr 0.01, seed 0" in labels
    waves = waves_of(two, 4, "gpu")
    assert any(len({run.learning_rate for run in members(two, wave)}) == 2 for wave in waves)


def test_batches_of_a_family_are_members_of_their_own_that_read_the_same_tokens(plan):
    before = plan()
    (batch,) = {run.row["batch_size"] for run in before.runs}
    alone = plan(f"family.batch_sizes=[{batch}]")
    assert ids(alone) == ids(before)
    two = plan(f"family.batch_sizes=[{batch}, {batch // 2}]")
    assert len(two.runs) == 2 * len(before.runs)
    assert {run.run_id for run in before.runs} < {run.run_id for run in two.runs}
    tokens = {run.row["steps"] * run.row["batch_size"] for run in two.runs}
    assert len(tokens) == 1
    labels = [run.label for run in two.runs]
    assert len(set(labels)) == len(labels)
    for wave in waves_of(two, 4, "gpu"):
        assert len({run.row["batch_size"] for run in members(two, wave)}) == 1


@pytest.mark.parametrize("family", ["transformer, widths: [8], depths: [1]", "ngram, orders: [1]"])
def test_replayed_data_is_coded_exactly_and_no_other_way(plan, family):
    family = f"family={{kind: {family}, seeds: 1}}"
    (run,) = plan(REPLAY, family).runs
    assert run.row["variants"] == ["exact"]
    assert plan(REPLAY, family, "estimator.variant=exact").runs[0].run_id == run.run_id
    for variant in ("online", "paired"):
        with pytest.raises(ConfigError, match=r"^estimator\.variant: "):
            plan(REPLAY, family, f"estimator.variant={variant}")
    with pytest.raises(
        ConfigError, match=r"^estimator\.variant: .*replays its data 3 times.*exact"
    ):
        plan(REPLAY, family, "estimator.variant=online")
    with pytest.raises(ConfigError, match=r"^estimator\.floor: .*replays"):
        plan(REPLAY, family, "estimator.floor=entropy_rate")


def test_more_steps_are_other_runs_of_the_same_lineage(plan):
    before, after = plan(), plan("training.steps=16")
    assert not set(ids(before).values()) & set(ids(after).values())
    assert lineages(before) == lineages(after)


def test_a_run_on_an_accelerator_is_another(plan):
    assert plan(platform="gpu").compute_dtype == "bfloat16"
    assert not set(ids(plan()).values()) & set(ids(plan(platform="gpu")).values())
    pinned = "training.compute_dtype=float32"
    assert ids(plan(pinned)) == ids(plan(pinned, platform="gpu")) == ids(plan())
