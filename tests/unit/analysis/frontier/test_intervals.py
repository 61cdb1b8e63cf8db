import dataclasses
import math

import numpy as np
import pytest

from epiplexity_jax.analysis import Cost, Curve, Heldout, Online, trace
from epiplexity_jax.analysis.simulate import Noise, sweep
from epiplexity_jax.coding import record_points
from tests.unit.analysis.frontier.made import LAW, SIZES, TEST

QUIET = Noise(seed=0.0, floor_nats=0.0, paired_nats=0.0, difficulty_nats=0.0)


def frontier_of(noise, seeds=3, sizes=SIZES, procedure="refined", **options):
    curves = sweep(LAW, sizes, record_points(500), 4_000_000, seeds, noise, **options)
    return trace(curves, test_tokens=TEST, procedure=procedure)


def middle(frontier, strict=False):
    return frontier.at(float(np.sqrt(frontier.compute[0] * frontier.largest_compute)), strict)


def half_width(interval):
    return (interval[1] - interval[0]) / 2


def test_a_single_seed_has_no_interval_and_says_so():
    result = middle(frontier_of(Noise(), seeds=1))
    assert result.epiplexity_bits_interval is None
    assert result.entropy_bits_interval is None
    assert result.mdl_bits_interval is None
    assert any("single seed of every member" in said for said in result.warnings)


def test_intervals_surround_their_estimate_and_repeat_exactly():
    first, second = middle(frontier_of(Noise())), middle(frontier_of(Noise()))
    for name in ("epiplexity_bits", "entropy_bits", "mdl_bits"):
        low, high = getattr(first, f"{name}_interval")
        assert low < getattr(first, name) < high
        assert (low + high) / 2 == pytest.approx(getattr(first, name))
    assert first == second


def changes_at(frontier, compute, halves, strict=False):
    """How far S moves at a budget with the sizes of each half only."""
    whole = frontier.at(compute, strict).epiplexity_bits
    others = [frontier_of(QUIET, sizes=half).at(compute, strict) for half in halves]
    return [abs(other.epiplexity_bits - whole) for other in others]


@pytest.mark.parametrize("strict", [False, True])
def test_without_noise_only_the_sizes_that_are_left_out_count(strict):
    frontier = frontier_of(QUIET)
    compute = 0.9 * frontier.largest_compute
    changes = changes_at(frontier, compute, (SIZES[::2], SIZES[1::2]), strict)
    interval = frontier.at(compute, strict).epiplexity_bits_interval
    assert half_width(interval) == pytest.approx(max(changes))


def test_a_half_that_the_budget_cannot_train_does_not_count():
    frontier = frontier_of(QUIET)
    result = middle(frontier)
    counted, ignored = changes_at(frontier, result.compute_flops, (SIZES[::2], SIZES[1::2]))
    assert half_width(result.epiplexity_bits_interval) == pytest.approx(counted)
    assert ignored > counted


def test_below_three_sizes_nothing_is_left_out():
    result = middle(frontier_of(QUIET, sizes=SIZES[:2]))
    assert half_width(result.epiplexity_bits_interval) == pytest.approx(0.0, abs=1e-3)


def test_a_floor_error_is_common_to_all_members():
    error = 2e-3
    noise = Noise(seed=0.0, floor_nats=error, paired_nats=0.0)
    result = middle(frontier_of(noise, sizes=SIZES[:2]))
    bits = TEST * error / math.log(2.0)
    # 200 draws know their 95 % quantile to about a tenth; S moves only through the choice.
    assert half_width(result.entropy_bits_interval) == pytest.approx(1.96 * bits, rel=0.25)
    assert half_width(result.epiplexity_bits_interval) < 0.1 * bits


def test_the_paired_errors_of_a_member_widen_its_interval():
    noise = dataclasses.replace(QUIET, paired_nats=5e-3, blocks=64)
    frontier = frontier_of(noise, seeds=2, sizes=SIZES[1:2])
    points, result = frontier.points, middle(frontier)
    place = int(np.argmin(np.abs(points.time_flops - result.compute_flops)))
    # The shortest of many noisy points is less spread than one of them.
    error = 1.96 * points.mdl_stderr[place]
    assert 0.2 * error < half_width(result.mdl_bits_interval) < 1.5 * error


def test_the_scatter_of_seeds_sets_the_width():
    widths = []
    for size in (0.01, 0.04):
        noise = Noise(seed=size, floor_nats=0.0, paired_nats=0.0, smoothness=1)
        result = middle(frontier_of(noise, seeds=4, sizes=SIZES[1:2]))
        widths.append(half_width(result.epiplexity_bits_interval) / result.epiplexity_bits)
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.3)


def test_one_member_gives_the_interval_of_a_mean():
    noise = Noise(seed=0.05, floor_nats=0.0, paired_nats=0.0, smoothness=1)
    generator = np.random.default_rng(5)
    frontier = frontier_of(noise, seeds=12, sizes=SIZES[1:2], generator=generator)
    result = frontier.at(frontier.largest_compute)
    member = frontier.all_members[0]
    nearest = int(np.argmin(np.abs(member.train_tokens - result.train_tokens)))
    spread = member.model_seeds[:, nearest].std(ddof=1) / math.sqrt(12)
    assert half_width(result.epiplexity_bits_interval) == pytest.approx(1.96 * spread, rel=0.25)


def test_members_with_one_seed_borrow_the_spread_of_others():
    many = sweep(LAW, SIZES[:1], record_points(500), 4_000_000, 3, Noise())
    one = sweep(LAW, SIZES[1:], record_points(500), 4_000_000, 1, Noise())
    frontier = trace([*many, *one], test_tokens=TEST)
    result = frontier.at(frontier.largest_compute)
    assert half_width(result.epiplexity_bits_interval) > 0.0
    assert any("single seed of N16000, N64000" in said for said in result.warnings)


@pytest.mark.parametrize("procedure", ["hull-median", "raw"])
def test_every_procedure_has_intervals(procedure):
    result = middle(frontier_of(Noise(), procedure=procedure))
    assert half_width(result.epiplexity_bits_interval) > 0.0


def online_member(size, params, loss, area_nats, sampling_nats, seeds=3):
    """Runs coded online whose areas differ by the sampling of their training tokens alone."""
    steps, generator = record_points(300), np.random.default_rng(params)
    share = steps / steps[-1]
    losses = loss + (math.log(256) - loss) * np.exp(-5 * share)
    tokens = 1_000 * steps
    for seed in range(seeds):
        drawn = generator.standard_normal() * sampling_nats
        sums = tokens * losses + area_nats * share + drawn * np.sqrt(share)
        yield Curve(
            source="counts",
            size=size,
            seed=seed,
            params=params,
            vocab_size=256,
            steps=steps,
            cost=Cost.dense(params, 1_000),
            ema=Heldout(losses),
            online=Online(sums, sampling_nats**2 * share),
            variant="online",
            variants=("online",),
        )


def test_areas_made_by_sampling_alone_do_not_widen_those_that_are_real():
    """A small member without area deviates by 100 % of it; a large one's area is known to 1 %."""
    area, sampling = 2e5, 1e3
    small = online_member("small", 1_000, 3.0, 0.0, sampling)
    large = online_member("large", 50_000, 2.0, area, sampling)
    frontier = trace([*small, *large], test_tokens=1e7)
    result = frontier.at(frontier.largest_compute)
    assert result.epiplexity_bits == pytest.approx(area / math.log(2), rel=0.02)
    stderr = sampling / math.log(2) / math.sqrt(3)
    assert 1.5 * stderr < half_width(result.epiplexity_bits_interval) < 4 * stderr
