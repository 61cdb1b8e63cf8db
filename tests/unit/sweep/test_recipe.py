"""Recipes: what a config gives, what is left to tune, and the plans of both."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.store.schema import MEMBER, TUNING
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.plan import TUNING_SEED, make_plan
from epiplexity_jax.sweep.recipe import TUNABLE, Recipes, with_batch
from tests.unit.sweep.plans import SWEEP, ids, plan_of

PUBLISHED = {"learning_rate": 0.03, "warmup_steps": 100, "batch_size": 64}


def sweep_of(**sections):
    return parse_sweep({**SWEEP, "recipe": "tuned", **sections})


def recipes_of(**sections):
    sweep = sweep_of(**sections)
    return Recipes.of(sweep, open_family(sweep.family))


def free(**sections):
    return recipes_of(**sections).free


def test_what_is_left_out_has_the_published_value():
    recipe = recipes_of(training={"steps": 9, "warmup_steps": 0}).given
    assert recipe.model_dump() == {
        **{"learning_rate": 0.03, "warmup_steps": 0, "batch_size": 64, "steps": 9},
        **{"ema_growth": 0.1, "max_kl": None, "tried": 1},
    }
    several = SWEEP["family"] | {"learning_rates": [0.4, 0.1, 0.2]}
    assert recipes_of(family=several).given.learning_rate == 0.2


@pytest.mark.parametrize(
    ("sections", "left"),
    [
        ({"training": {}}, (*TUNABLE, "ema_growth")),
        ({"training": {}, "estimator": {"kind": "requential"}}, (*TUNABLE, "ema_growth", "max_kl")),
        ({"training": {"learning_rate": 0.1, "warmup_steps": 0}}, ("batch_size", "ema_growth")),
        ({"training": PUBLISHED, "estimator": {"ema_growth": 0.3}}, ()),
        ({"training": {}, "recipe": "fixed"}, ()),
        ({"training": {}, "family": {"kind": "ngram", "orders": [1]}}, ()),
        ({"training": PUBLISHED, "family": SWEEP["family"] | {"learning_rates": [0.03]}}, None),
    ],
)
def test_the_values_that_a_config_leaves_out_are_free(sections, left):
    assert free(**sections) == (("ema_growth",) if left is None else left)


def test_a_familys_own_rates_are_not_tuned():
    family = SWEEP["family"] | {"learning_rates": [0.1]}
    assert "learning_rate" not in free(family=family, training={})


def test_a_rate_beside_a_familys_own_is_one_of_them():
    family = SWEEP["family"] | {"learning_rates": [0.1, 0.2, 0.4]}
    taken = recipes_of(family=family, training={"learning_rate": 0.4})
    assert taken.given.learning_rate == 0.4
    with pytest.raises(ConfigError, match="^training.learning_rate: .*0.1, 0.2, 0.4, without 0.3;"):
        recipes_of(family=family, training={"learning_rate": 0.3})


def test_a_familys_own_batches_are_not_tuned_and_read_the_same_tokens():
    family = SWEEP["family"] | {"batch_sizes": [128, 16, 32]}
    recipes = recipes_of(family=family, training={"steps": 8})
    assert "batch_size" not in recipes.free
    assert (recipes.given.batch_size, recipes.given.steps) == (32, 16)  # of 8 steps of 64
    found = [(one.batch_size, one.steps) for one in recipes.of_members("any")]
    assert found == [(128, 4), (16, 32), (32, 16)]
    uneven = SWEEP["family"] | {"batch_sizes": [64, 96]}
    found = recipes_of(family=uneven, training={"steps": 100}).of_members("any")
    assert [(one.batch_size, one.steps) for one in found] == [(64, 100), (96, 66)]
    one = recipes_of(training={"steps": 8, "batch_size": 20}).of_members("any")
    assert [(recipe.batch_size, recipe.steps) for recipe in one] == [(20, 8)]


def test_every_batch_reads_the_same_tokens():
    recipe = recipes_of(training={"steps": 100}).given
    for batch in (4, 16, 48, 64, 256):
        other = with_batch(recipe, batch)
        assert 0 <= 6400 - other.steps * other.batch_size < batch


def test_a_sweep_with_nothing_left_to_tune_has_the_runs_of_a_fixed_one():
    training = PUBLISHED | {"steps": 8}
    given = ids(plan_of(recipe="tuned", training=training, estimator={"ema_growth": 0.1}))
    assert ids(plan_of(recipe="fixed", training={"steps": 8})) == given
    assert ids(plan_of(recipe="fixed", training=training | {"learning_rate": 0.06})) != given


def test_each_source_trains_by_its_own_recipe():
    own = {"learning_rate": 0.12, "warmup_steps": 10, "ema_growth": 0.3, "tried": 30}
    recipes = {"chain": own | {"batch_size": 16, "steps": 32}}
    plan = plan_of(training={"steps": 8}, recipes=recipes)
    chain, noise = ([r for r in plan.runs if r.dataset.name == n] for n in ("chain", "noise"))
    assert {(r.batch_size, r.steps, r.learning_rate) for r in chain} == {(16, 32, 0.12)}
    assert {(r.batch_size, r.steps, r.learning_rate) for r in noise} == {(64, 8, 0.03)}
    assert chain[0].hyper.ema.growth == 0.3
    assert (chain[0].row["recipes"], chain[0].row["role"]) == (30, MEMBER)
    assert chain[0].row["record_tokens"] == noise[0].row["record_tokens"]
    assert chain[0].cohort != noise[0].cohort
    again = parse_sweep(plan.sweep.to_plain())
    assert again == plan.sweep
    assert ids(make_plan(again, "cpu")) == ids(plan)


def test_trials_run_on_the_smallest_size_with_a_seed_of_their_own():
    family = SWEEP["family"] | {"widths": [32, 8, 16]}
    sweep = sweep_of(family=family, training={"steps": 8})
    given = Recipes.of(sweep, open_family(sweep.family)).given
    trials = {
        "noise": [given, given.model_copy(update={"learning_rate": 0.3}), with_batch(given, 16)]
    }
    plan = make_plan(sweep, "cpu", trials)
    assert [(r.dataset.name, str(r.size), r.seed) for r in plan.runs] == 3 * [
        ("noise", "width 8 depth 1", TUNING_SEED)
    ]
    assert {run.row["role"] for run in plan.runs} == {TUNING}
    one, faster, small = plan.runs
    assert one.cohort == faster.cohort != small.cohort
    assert len({run.run_id for run in plan.runs}) == 3
    assert not {run.run_id for run in plan.runs} & {
        run.run_id for run in make_plan(sweep, "cpu").runs
    }


def test_a_cap_and_a_window_reach_the_estimator():
    recipes = recipes_of(training={}, estimator={"kind": "requential"})
    recipe = recipes.given.model_copy(update={"max_kl": 0.1, "ema_growth": 0.3})
    hyper = recipes.open_estimator(recipe).hyper()
    assert (hyper["max_kl"], hyper["ema"].growth, hyper["student_ema"].growth) == (0.1, 0.3, 0.3)


def test_a_trial_under_a_cap_takes_no_more_iterations_than_another():
    sweep = sweep_of(training={"steps": 40}, estimator={"kind": "requential"})
    recipes = Recipes.of(sweep, open_family(sweep.family))
    capped = recipes.given.model_copy(update={"max_kl": 0.1})
    assert recipes.open_estimator(capped).iterations(40) == 160
    assert {run.iterations for run in make_plan(sweep, "cpu", {"chain": [capped]}).runs} == {40}


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"recipe": "best"}, "recipe"),
        ({"recipes": {"chian": PUBLISHED | {"steps": 4, "ema_growth": 0.1}}}, "recipes"),
        ({"recipes": {"chain": {"steps": 4}}}, "recipes"),
        ({"training": {"microbatch": 48}}, "training.microbatch"),
    ],
)
def test_what_is_impossible_is_refused_by_its_key(sections, key):
    with pytest.raises(ConfigError, match=f"^{key}"):
        sweep_of(**sections)


def test_a_microbatch_must_divide_the_batch_of_a_recipe():
    chosen = {"chain": PUBLISHED | {"batch_size": 16, "steps": 4, "ema_growth": 0.1}}
    with pytest.raises(
        ConfigError, match=r"^training\.microbatch: 32 does not divide 16, the batch"
    ):
        plan_of(training={"microbatch": 32}, recipes=chosen)
