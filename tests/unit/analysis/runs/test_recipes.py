"""Recipes that were tried: their shortest codes, the chosen one's neighbours, and edges."""

import json
import math

import numpy as np
import pytest

from epiplexity_jax.analysis.runs.recipes import (
    VALUES,
    Code,
    RecipeReport,
    changes_if_alike,
    choice_for,
    least_code,
    recipe_of_rows,
    recipe_warnings,
    report_recipe,
    tried_recipes,
)
from tests.unit.analysis.runs.made import LOSS, blocks_around
from tests.unit.analysis.runs.test_from_store import stored

CENTER = {
    **{"learning_rate": 0.12, "warmup_steps": 10, "batch_size": 16},
    **{"ema_growth": 0.1, "max_kl": None},
}


def trial(loss=0.0, steps=4, status="finished", **values):
    """A run whose held-out losses but the first lie higher by so many nats."""
    row = {**CENTER, **values, "steps": steps, "status": status, "size": "w8"}
    shifted = LOSS + loss * (np.arange(5) > 0)
    return stored(
        row=row | {"lineage": json.dumps(values), "run_id": json.dumps([values, steps])},
        h={
            "heldout_loss_nats": shifted,
            "heldout_block_losses_nats": blocks_around(shifted),
            "spent_flops": 1e3 * np.arange(5.0),
        },
    )


def test_the_shortest_code_of_a_run_may_be_that_of_no_training():
    learnt = least_code(trial(), 1e4, "paired", clear=0.0)
    assert learnt.mdl_bits < 1e4 * LOSS[0] / math.log(2.0)
    assert learnt.model_bits > 0.0
    worse = least_code(trial(loss=5.0), 1e4, "paired", clear=0.0)
    assert worse == (0.0, pytest.approx(1e4 * LOSS[0] / math.log(2.0), rel=0.01))


def test_runs_that_learn_nothing_have_the_same_code_whatever_their_end():
    (code,) = {least_code(trial(loss=loss), 1e4, "paired") for loss in (4.0, 5.0, 6.0)}
    assert code == (0.0, pytest.approx(1e4 * LOSS[0] / math.log(2.0), rel=1e-12))


def test_a_gain_within_its_error_does_not_count():
    run = trial()
    assert least_code(run, 1e4, "paired", clear=4.0).model_bits > 0.0
    assert least_code(run, 1e4, "paired", clear=1e4).model_bits == 0.0


def test_a_diverged_run_has_no_code():
    assert least_code(trial(status="diverged"), 1e4).mdl_bits == math.inf


def test_the_longest_run_of_a_recipe_counts_and_short_ones_come_last():
    runs = [
        trial(steps=8),
        trial(steps=1, loss=-0.1),
        trial(steps=1, loss=-0.2, learning_rate=0.48),
        trial(steps=8, loss=0.1, warmup_steps=100),
    ]
    tried = tried_recipes(runs, CENTER, 1e4, "paired")
    assert [one.chosen for one in tried] == [True, False, False]
    assert [one.values["learning_rate"] for one in tried] == [0.12, 0.12, 0.48]
    assert tried[0].train_tokens == 8 * 20
    assert tried[0].to_json()["mdl_bits"] == tried[0].code.mdl_bits
    assert json.loads(json.dumps(tried[0].to_json()))["chosen"] is True


def test_seeds_of_a_recipe_count_with_their_mean():
    runs = [trial(steps=8), trial(steps=8, loss=0.2, seed=1), trial(steps=1, loss=5.0)]
    (tried,) = tried_recipes(runs, CENTER, 1e4, "paired")
    codes = [least_code(run, 1e4, "paired").mdl_bits for run in runs[:2]]
    assert tried.code.mdl_bits == pytest.approx(sum(codes) / 2)


def test_recipes_of_several_seeds_stand_before_the_luck_of_one():
    runs = [trial(loss=0.1), trial(loss=0.1, seed=1), trial(learning_rate=0.24)]
    tried = tried_recipes(runs, CENTER, 1e4, "paired")
    assert [len(one.by_seed) for one in tried] == [2, 1]
    assert tried[0].code.mdl_bits > tried[1].code.mdl_bits


def test_neighbours_are_compared_over_the_seeds_that_both_have():
    runs = [trial(), trial(loss=3.0, seed=1), trial(loss=0.1, learning_rate=0.24)]
    report = report_recipe(tried_recipes(runs, CENTER, 1e4, "paired"), runs)
    assert report is not None
    (around,) = report.neighbours
    assert 0.0 < around["mdl_change"] < 0.5  # of the mean of both seeds it would be far below 0
    other = [*runs[:2], trial(loss=0.1, learning_rate=0.24, seed=2)]
    report = report_recipe(tried_recipes(other, CENTER, 1e4, "paired"), other)
    assert report is not None
    assert report.neighbours[0]["mdl_change"] is None


def test_neighbours_differ_in_one_value_by_one_step_and_ran_as_long():
    runs = [
        trial(),
        trial(loss=0.1, learning_rate=0.24),
        trial(loss=0.2, learning_rate=0.48),  # two doublings away
        trial(loss=0.1, batch_size=8),
        trial(loss=0.1, warmup_steps=100),
        trial(loss=0.1, ema_growth=0.3, steps=1),  # stopped early
        trial(loss=0.1, learning_rate=0.24, batch_size=8),  # two values
        trial(status="diverged", learning_rate=0.06),
    ]
    report = report_recipe(tried_recipes(runs, CENTER, 1e4, "paired"), runs)
    assert report is not None
    around = {tuple(one)[0]: one for one in report.neighbours}
    assert len(report.neighbours) == 4
    assert around["batch_size"]["mdl_change"] > 0.0
    lost = [one for one in report.neighbours if one["mdl_change"] is None]
    assert lost == [{"learning_rate": 0.06, "epiplexity_change": None, "mdl_change": None}]
    assert (report.kind, report.tried, report.size) == ("tuned", 8, "w8")
    assert report.values == CENTER


@pytest.mark.parametrize(
    ("others", "flags"),
    [
        ([{"learning_rate": 0.06}, {"learning_rate": 0.24}], ()),
        ([{"learning_rate": 0.06}], ("edge_rate",)),
        ([{"learning_rate": 0.24}, {"batch_size": 32}], ("edge_rate", "edge_batch")),
        ([{"batch_size": 8}, {"batch_size": 32}], ()),  # the rate was given
    ],
)
def test_a_choice_at_the_end_of_what_was_tried_is_flagged(others, flags):
    runs = [trial(), *(trial(loss=0.1, **other) for other in others)]
    report = report_recipe(tried_recipes(runs, CENTER, 1e4, "paired"), runs)
    assert report is not None
    assert report.flags == flags


def test_a_run_that_was_continued_is_spent_once():
    runs = [trial(steps=1), trial(steps=8), trial(steps=1, learning_rate=0.24)]
    report = report_recipe(tried_recipes(runs, CENTER, 1e4, "paired"), runs)
    assert report is not None
    assert report.spent_flops == 2 * 4e3


def test_a_recipe_that_was_not_tried_has_no_report():
    runs = [trial()]
    assert report_recipe(tried_recipes(runs, CENTER | {"warmup_steps": 7}, 1e4), runs) is None


def test_neighbours_whose_code_is_as_short_say_how_far_lengths_may_move():
    changes = [(0.2, 0.005), (-0.5, -0.002), (3.0, 0.02), (None, 0.001), (0.1, None)]
    names = ("epiplexity_change", "mdl_change")
    neighbours = tuple(dict(zip(names, pair, strict=True)) for pair in changes)
    recipe = RecipeReport("tuned", CENTER, neighbours=neighbours)
    # To the second: S falls by half, MDL by 2, so H rises by 48. To the first MDL rises by 5.
    assert changes_if_alike(recipe, Code(100.0, 1000.0)) == pytest.approx((50.0, 48.0, 5.0))
    shorter = RecipeReport(
        "tuned", CENTER, neighbours=(dict(zip(names, (0.1, -0.2), strict=True)),)
    )
    assert changes_if_alike(shorter, Code(100.0, 1000.0)) == pytest.approx((10.0, 210.0, 200.0))
    assert changes_if_alike(RecipeReport("fixed", CENTER), Code(100.0, 1000.0)) == (0.0, 0.0, 0.0)
    assert changes_if_alike(None, Code(100.0, 1000.0)) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((0.02, None), []),
        ((0.02, -0.009), []),
        ((0.02, -0.044, -0.03), ["a neighbour of the recipe codes 4.4% shorter"]),
    ],
)
def test_a_neighbour_that_is_shorter_is_said(changes, said):
    neighbours = tuple({"epiplexity_change": 0.1, "mdl_change": change} for change in changes)
    recipe = RecipeReport("tuned", CENTER, size="w8", neighbours=neighbours)
    warnings = recipe_warnings(recipe)
    assert [one.startswith(start) for one, start in zip(warnings, said, strict=True)] == [
        True for _ in said
    ]


def test_a_recipe_whose_trials_are_elsewhere_is_said():
    rows = [dict.fromkeys(VALUES, 1) | {"recipes": 8}, dict.fromkeys(VALUES, 1) | {"max_kl": 2}]
    recipe = recipe_of_rows(rows, "tuned")
    assert (recipe.values["batch_size"], recipe.values["max_kl"], recipe.tried) == (1, None, 8)
    (said,) = recipe_warnings(recipe)
    assert "the runs that chose the recipe are not in this store" in said
    assert recipe_warnings(recipe_of_rows(rows, "fixed")) == recipe_warnings(None) == []


def test_trials_are_scored_as_the_members_where_they_can_be():
    run = trial()
    assert choice_for(run, ("paired", "ema"), ("online", "raw")) == ("paired", "ema")
    assert choice_for(run, ("student", "entropy_rate"), ("online", "ema")) == ("online", "ema")
