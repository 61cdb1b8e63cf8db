import numpy as np
import pytest

from epiplexity_jax.analysis.frontier.fitted_members import (
    Cost,
    choose_losses,
    places_of,
    points_of,
)
from epiplexity_jax.analysis.frontier.members import members_of
from tests.unit.analysis.frontier.made import LAW, SIZES, STEPS, TEST, law_sweep


def members(curves=None):
    return members_of(curves or law_sweep(), TEST, "paired", "ema")


def test_losses_after_a_tenth_of_each_run_are_fitted():
    found = members()
    used = choose_losses(found)
    assert [found[i].params for i, _ in used] == list(SIZES)
    for i, rows in used:
        steps = found[i].steps[rows]
        assert (steps[0] <= 0.1 * STEPS[-1] < steps[1], steps[-1]) == (True, STEPS[-1])
    points = points_of(found, used)
    assert points.runs == points.sizes == len(SIZES)
    assert points.loss_nats == pytest.approx(LAW.loss(points.params, points.train_tokens))


def test_of_members_of_one_size_the_best_is_fitted():
    worse = [
        curve.__class__(**(vars(curve) | {"learning_rate": 0.5, "ema": other.ema}))
        for curve, other in zip(
            law_sweep(sizes=SIZES[1:2]), law_sweep(sizes=SIZES[:1]), strict=True
        )
    ]
    found = members([*law_sweep(), *worse])
    assert len(found) == 4
    chosen = [found[i] for i, _ in choose_losses(found)]
    assert len(chosen) == 3
    assert all("0.5" not in member.name for member in chosen)


def test_places_lead_to_the_candidates_in_order_of_time():
    found = members()
    used = choose_losses(found)
    joined = np.concatenate([member.data_bits for member in found])
    order = np.lexsort((joined, np.concatenate([member.time_flops for member in found])))
    losses = joined[order][places_of(found, used, order)] / found[0].data_gain
    assert losses == pytest.approx(points_of(found, used).loss_nats)


def test_the_cost_of_dense_networks_is_exact_at_any_size():
    cost = Cost.of(members())
    size, tokens = 31_000.0, 5e8
    compute = 6 * size * tokens + 2 * size * TEST
    assert cost.tokens(np.log([size]), compute) == pytest.approx([tokens], rel=1e-6)
    assert cost.tokens(np.log([size]), size * TEST) < 0
