"""Change of S with the learning rate, from the neighbours of a recipe."""

import dataclasses

from epiplexity_jax.analysis.frontier.frontier import Frontier
from epiplexity_jax.analysis.frontier.rates import rate_change
from epiplexity_jax.analysis.runs.recipes import RecipeReport
from tests.unit.analysis.ranking.made import flat


def tuned(neighbours, size="width 8 depth 1"):
    """A frontier whose recipe was tuned to a rate of 0.5."""
    plain = flat(0)
    recipe = RecipeReport("tuned", {"learning_rate": 0.5}, 5, size, 0.0, tuple(neighbours))
    setting = dataclasses.replace(plain.setting, recipe=recipe)
    return Frontier(setting, plain.all_members)


def near(rate, epiplexity, mdl):
    return {"learning_rate": rate, "epiplexity_change": epiplexity, "mdl_change": mdl}


def test_the_factor_to_s_stands_at_each_factor_to_the_rate():
    found = rate_change(tuned([near(0.25, -0.1, 0.01), near(1.0, None, None)]))
    assert found.epiplexity == {0.5: 0.9, 2.0: None}
    assert (found.learning_rate, found.size) == (0.5, "width 8 depth 1")


def test_nothing_is_said_of_what_was_not_tried_or_not_learnt():
    other = {"batch_size": 8, "epiplexity_change": 0.1, "mdl_change": 0.1}
    assert rate_change(tuned([other])) is None
    assert rate_change(tuned([near(0.25, None, 0.01)])) is None
    assert rate_change(tuned([near(0.25, -0.1, 0.01)], size=None)) is None
    assert rate_change(flat(0)) is None
