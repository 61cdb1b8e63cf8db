import math

import numpy as np
import pytest

from epiplexity_jax.analysis.logs.estimate import estimate
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.logs.made import FALL, LN2, V, make, warned


def test_lengths_and_time_are_those_of_the_definition():
    curve = make(tokens_per_label=1.5)
    found = estimate(curve, params=1000, test_tokens=1e7, floor_nats=1.2, vocab_size=V)
    d = found.decomposition
    area = (sum(FALL) * 1000 - 40_000 * 1.2) / LN2
    assert d.epiplexity_bits == pytest.approx(area, rel=1e-12)
    assert found.area_bits == d.epiplexity_bits
    assert d.entropy_bits == pytest.approx(1e7 * 1.2 / LN2)
    assert d.mdl_bits == d.epiplexity_bits + d.entropy_bits
    assert d.compute_flops == pytest.approx(6 * 1000 * 60_000 + 2 * 1000 * 1e7 * 1.5)
    assert (d.train_tokens, found.label_tokens, d.status) == (60_000, 40_000, "ok")
    assert (d.floor, found.floor_nats, d.epiplexity_bits_interval) == ("given", 1.2, None)


def test_uneven_rows_weigh_by_their_tokens():
    whole = make()
    merged = np.array([0, 1, 2, 5, 10, 20, 40])
    means = [FALL[a:b].mean() for a, b in zip(merged[:-1], merged[1:], strict=True)]
    coarse = make(np.array(means), merged[1:] * 1000.0)
    assert coarse.online_sum_nats == pytest.approx(whole.online_sum_nats, rel=1e-12)


def test_the_uniform_code_wins_over_a_model_that_costs_more_than_it_saves():
    found = estimate(make(), params=1000, test_tokens=100, floor_nats=1.1, vocab_size=V)
    d = found.decomposition
    assert (d.status, d.epiplexity_bits, d.params, d.member) == ("untrained", 0.0, 0, "uniform")
    assert d.entropy_bits == pytest.approx(100 * math.log2(V))
    assert found.area_bits > 1000
    assert "uniform code" in d.warnings[0]


def test_a_floor_above_the_curve_is_negative_and_kept():
    found = estimate(make(), params=1000, test_tokens=1e7, floor_nats=2.9)
    assert found.decomposition.status == "negative"
    assert found.decomposition.epiplexity_bits == found.area_bits < 0
    assert "the floor lies above the curve" in found.decomposition.warnings[0]


def test_where_the_floor_comes_from():
    with_column = estimate(make(heldout_nats=1.25), params=10, test_tokens=1e7)
    assert (with_column.decomposition.floor, with_column.floor_nats) == ("column", 1.25)
    given = estimate(make(heldout_nats=1.25), params=10, test_tokens=1e7, floor_nats=1.2)
    assert (given.decomposition.floor, given.floor_nats) == ("given", 1.2)
    last = estimate(make(), params=10, test_tokens=1e7)
    assert (last.decomposition.floor, last.floor_nats) == ("last_rows", FALL[-4:].mean())
    assert "training text as the floor" in " ".join(last.decomposition.warnings)


def test_sampled_batches_are_interpolated():
    steps = np.arange(20_000)
    loss = 1.4 + 3.0 * (1 + steps / 20) ** -0.5
    rows = np.unique(np.rint(10 ** np.arange(0, 4.31, 1 / 8)).astype(int))
    rows = np.append(rows[rows < 20_000], 20_000)
    curve = make(loss[rows - 1], rows * 64.0, sampled_step=64.0)
    assert curve.online_sum_nats == pytest.approx(loss.sum() * 64, rel=1e-5)
    found = estimate(curve, params=10, test_tokens=1e9, floor_nats=1.45).decomposition
    area = (loss.sum() - 20_000 * 1.45) * 64 / LN2
    assert found.epiplexity_bits == pytest.approx(area, rel=1e-4)
    assert 0 < found.interpolation_error_bits < 1e-2 * area


def test_sampled_batches_may_be_all_of_them():
    curve = make(sampled_step=1000.0)
    assert curve.online_sum_nats == pytest.approx(make().online_sum_nats, rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"params": 0}, "params"),
        ({"test_tokens": 0.0}, "test_tokens"),
        ({"floor": -0.1}, "floor"),
        ({"floor": math.nan}, "floor"),
        ({"vocab_size": 1}, "vocab_size"),
        ({"bytes_per_token": 0.0}, "bytes_per_token"),
    ],
)
def test_wrong_arguments_are_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        warned(make(), **changes)
