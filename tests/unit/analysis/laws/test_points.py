import numpy as np
import pytest

from epiplexity_jax.analysis.laws.points import (
    LossPoints,
    NotIdentified,
    check_identified,
    is_identified,
)
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.laws.made import points_of


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        (points_of(sizes=(1e3, 1e5)), "2 sizes of model, expected 3"),
        (points_of(sizes=(1e3, 1.005e3, 1.01e3)), "1 sizes of model"),
        (points_of(sizes=(1e3, 2e3, 9e3)), "parameters span a factor of 9"),
        (points_of(lengths=(1e6, 3e6, 9e6)), "tokens span a factor of 9, expected a decade"),
        (points_of(lengths=(1e6,)), "4 points for five parameters"),
    ],
)
def test_points_that_identify_no_law_are_refused_with_what_is_missing(points, problem):
    assert not is_identified(points)
    with pytest.raises(NotIdentified, match=f"--fit: .*{problem}") as refused:
        check_identified(points, "--fit")
    assert isinstance(refused.value, ConfigError)


@pytest.mark.parametrize("exponent", [1.0, 0.5, -1.0])
def test_tokens_that_go_with_parameters_are_refused(exponent):
    params = np.geomspace(1e6, 1e9, 8)
    tokens = 1e9 * (params / 1e6) ** (2 * exponent)
    with pytest.raises(NotIdentified, match="logarithms' correlation is -?1.0000"):
        check_identified(LossPoints.of(params, tokens, params**-0.1))


def test_a_decade_is_enough():
    check_identified(points_of(sizes=(1e3, 3e3, 1e4), lengths=(1e5, 3e5, 1e6)))


def test_points_that_have_no_logarithm_are_refused():
    with pytest.raises(ConfigError, match="loss_nats: must be positive, got 0 at point 2"):
        LossPoints.of([1.0, 2.0], [1.0, 2.0], [1.0, 0.0])


def test_the_highest_losses_are_left_out():
    points = points_of()
    kept = points.without_highest(3)
    assert len(kept) == len(points) - 3
    assert kept.loss_nats.max() <= np.sort(points.loss_nats)[-4]
    with pytest.raises(ConfigError, match="drop_highest: must be from 0 to 15 of 16 points"):
        points.without_highest(16)


def test_the_largest_budgets_are_half_a_decade_or_a_twentieth():
    points = points_of()
    assert points.compute[points.last_budgets()].tolist() == [6e14]
    params = np.repeat([1e3, 1e4], 50)
    even = LossPoints.of(params, np.tile(np.geomspace(1e5, 1.1e5, 50), 2), np.ones(100))
    assert even.last_budgets().sum() == 50


def test_a_draw_takes_whole_runs():
    points = LossPoints.of(np.arange(1.0, 7.0), np.ones(6), np.ones(6), run=[0, 0, 1, 1, 1, 2])
    assert points.runs == 3
    drawn = points.resampled(np.random.default_rng(1))
    runs = {1.0: (1.0, 2.0), 3.0: (3.0, 4.0, 5.0), 6.0: (6.0,)}
    groups = [tuple(drawn.params[drawn.run == run]) for run in range(3)]
    assert all(group in runs.values() for group in groups)
    assert drawn.runs == 3


def test_errors_of_a_loss_are_relative_and_at_least_delta():
    points = LossPoints.of([1.0, 1.0], [1.0, 1.0], [2.0, 2.0], stderr_nats=[0.0, 0.02])
    assert points.scale == pytest.approx([1e-3, np.hypot(1e-2, 1e-3)])
