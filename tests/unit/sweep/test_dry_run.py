"""Summaries of plans: what is left to do, and the part of the devices that waits."""

import jax
import pytest

from epiplexity_jax.sweep.dry_run import summarise


def test_the_summary_counts_what_is_left(plan):
    plan, devices = plan("family.widths=[16]"), jax.devices()[:2]
    left = plan.runs[1:]
    summary = summarise(plan, devices, {plan.runs[0].run_id})
    batch_tokens = 4 * 17  # a start token stands before the 16
    per_run = 8 * batch_tokens
    assert summary.summary["runs"] == 4
    assert summary.summary["finished"] == 1
    assert summary.summary["train_tokens"] == 3 * per_run
    assert summary.summary["params"] == 3 * left[0].cost.params
    params = left[0].cost.params
    assert summary.summary["flops"] == 3 * (6 * params * per_run + 2 * 2 * params * 128 * 17)
    assert (summary.summary["cohorts"], summary.summary["waves"]) == (1, 2)
    (cohort,) = summary.cohorts
    assert (cohort["members"], cohort["sources"]) == (3, ["chain", "noise"])
    assert cohort["flops"] == summary.summary["flops"]


def test_steps_that_shorter_runs_have_behind_them_are_not_counted(plan):
    plan, devices = plan("family.widths=[16]"), jax.devices()[:2]
    whole = summarise(plan, devices, set()).summary
    begun = {plan.runs[0].run_id: 3, plan.runs[1].run_id: 8}
    left = summarise(plan, devices, set(), begun=begun).summary
    read = (3 + 8) * plan.runs[0].tokens_per_step
    assert left["train_tokens"] == whole["train_tokens"] - read
    each = plan.runs[0].cost.train_flops_per_token
    assert left["flops"] == pytest.approx(whole["flops"] - read * each)
    assert (left["runs"], left["finished"]) == (whole["runs"], 0)
    assert left["idle_share"] == whole["idle_share"]


def test_the_idle_share_is_the_part_of_the_devices_that_waits(plan):
    plan, devices = plan("family.widths=[16]"), jax.devices()[:2]
    assert summarise(plan, devices, set()).summary["idle_share"] == pytest.approx(0.0)
    done = {plan.runs[0].run_id}
    assert summarise(plan, devices, done).summary["idle_share"] == pytest.approx(1 / 4)
    everything = {run.run_id for run in plan.runs}
    summary = summarise(plan, devices, everything).summary
    assert (summary["idle_share"], summary["flops"], summary["waves"]) == (0.0, 0, 0)


def test_counting_families_use_one_processor_at_a_time(plan):
    plan = plan("family={kind: ngram, orders: [0, 1], seeds: 2}")
    summary = summarise(plan, jax.devices()[:2], set()).summary
    assert (summary["runs"], summary["waves"], summary["idle_share"]) == (8, 8, 0.0)
