import math

import numpy as np
import pytest

from epiplexity_jax.analysis.logs.estimate import estimate
from epiplexity_jax.analysis.logs.floor import floor_of
from epiplexity_jax.analysis.logs.loss_curve import LossCurve
from epiplexity_jax.analysis.logs.sizes import frontier_of
from epiplexity_jax.base.errors import ConfigError

V, BATCH, STEPS = 4096, 5000, 4000
SIZES = [2e4, 6e4, 2e5, 6e5]
LAW = {"e": 1.5, "n0": 3e4, "alpha": 0.4, "d0": 2e5, "beta": 0.45}
DATA = 1e9


def loss(params, tokens):
    """L(N, D), no more than that of the uniform code."""
    law = LAW["e"] + (LAW["n0"] / params) ** LAW["alpha"]
    with np.errstate(divide="ignore"):
        law = law + (LAW["d0"] / np.asarray(tokens, float)) ** LAW["beta"]
    return np.minimum(law, math.log(V))


def curve_of(params, evaluated=False):
    tokens = BATCH * np.arange(0 if evaluated else 1, STEPS + 1.0)
    return LossCurve(
        name=f"{params:g}.csv",
        label_tokens=tokens,
        losses_nats=loss(params, tokens if evaluated else tokens - BATCH),
        evaluated=evaluated,
        step_tokens=BATCH,
    )


def frontier(evaluated=False, params=SIZES, **options):
    curves = [curve_of(n, evaluated) for n in SIZES]
    floors = [
        floor_of(c, float(loss(n, STEPS * BATCH)), None) for n, c in zip(SIZES, curves, strict=True)
    ]
    return frontier_of(curves, floors, [int(n) for n in params], DATA, vocab_size=V, **options)


@pytest.mark.parametrize("evaluated", [False, True])
def test_the_frontier_finds_the_shortest_code_of_the_law(evaluated):
    traced = frontier(evaluated)
    for compute in (2e14, 5e14, 1e15):
        best = min(
            (two_part(n, compute) for n in np.geomspace(2e4, 6e5, 200)), key=lambda one: one[0]
        )
        found = traced.at(compute)
        assert found.mdl_bits == pytest.approx(best[0], rel=0.02)
        assert found.epiplexity_bits == pytest.approx(best[1], rel=0.35)


def two_part(params, compute):
    """MDL and model length of the law at a budget."""
    tokens = (compute / (2 * params) - DATA) / 3
    if not BATCH < tokens <= STEPS * BATCH:
        return math.inf, math.inf
    done = BATCH * np.arange(int(tokens / BATCH))
    area = float((loss(params, done) - loss(params, tokens)).sum()) * BATCH / math.log(2)
    return area + DATA * float(loss(params, tokens)) / math.log(2), area


def test_a_curve_ends_with_its_own_estimate():
    curves = [curve_of(n) for n in SIZES]
    floors = [floor_of(one, None, None) for one in curves]
    traced = frontier_of(curves, floors, [int(n) for n in SIZES], DATA, vocab_size=V)
    for n, curve, member in zip(SIZES, curves, traced.all_members, strict=True):
        own = estimate(curve, params=int(n), test_tokens=DATA, vocab_size=V)
        assert member.model_bits[-1] == pytest.approx(own.area_bits, rel=1e-9)
        assert member.data_bits[-1] == pytest.approx(own.decomposition.entropy_bits, rel=1e-9)
        assert member.time_flops[-1] == pytest.approx(own.decomposition.compute_flops, rel=1e-9)
        assert 2 * member.model_stderr[-1] == pytest.approx(own.decomposition.resolution_bits)


def test_files_of_one_name_stay_apart():
    curve = curve_of(2e4)
    traced = frontier_of([curve] * 2, [floor_of(curve, 2.0, None)] * 2, [20_000, 40_000], DATA)
    assert {member.name for member in traced.all_members} == {"20000.csv 1", "20000.csv 2"}
    assert traced.vocab_size >= V
    assert "without --vocab-size" in " ".join(traced.at(1e14).warnings)


def test_what_stands_in_for_a_loss_is_said():
    assert "moved so that the last one is the floor" in " ".join(frontier().warnings)
    assert "moved so" not in " ".join(frontier(evaluated=True).warnings)


def test_as_many_sizes_as_files():
    with pytest.raises(ConfigError, match="--params: expected one for each file, got 3 for 4"):
        frontier(params=SIZES[:3])
