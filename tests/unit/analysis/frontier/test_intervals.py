import dataclasses
import math

import numpy as np
import pytest

from epiplexity_jax.analysis import Curve, HeldoutLosses, Online, StepCost, trace
from epiplexity_jax.analysis.frontier.frontier import Frontier
from epiplexity_jax.analysis.runs.recipes import RecipeReport
from epiplexity_jax.analysis.simulate import SimulatedNoise, sweep
from epiplexity_jax.coding import record_points
from tests.unit.analysis.frontier.made import LAW, SIZES, TEST

QUIET = SimulatedNoise(seed=0.0, floor_nats=0.0, paired_nats=0.0, difficulty_nats=0.0)


def frontier_of(noise, seeds=3, sizes=SIZES, procedure="refined", **options):
    curves = sweep(LAW, sizes, record_points(500), 4_000_000, seeds, noise, **options)
    return trace(curves, test_tokens=TEST, procedure=procedure)


def middle(frontier):
    return float(np.sqrt(frontier.compute[0] * frontier.largest_compute))


def around(frontier, compute, strict=False):
    """Intervals of S, H and MDL before edges open their sides."""
    return frontier.intervals.around(compute, frontier.traced.at(compute, strict), strict)


def half_width(interval):
    return (interval[1] - interval[0]) / 2


def test_a_single_seed_has_no_interval_and_says_so():
    frontier = frontier_of(SimulatedNoise(), seeds=1)
    result = frontier.at(middle(frontier))
    assert result.epiplexity_bits_interval is None
    assert result.entropy_bits_interval is None
    assert result.mdl_bits_interval is None
    assert any("single seed of every member" in said for said in result.warnings)


def test_intervals_surround_their_estimate_and_repeat_exactly():
    one, other = frontier_of(SimulatedNoise()), frontier_of(SimulatedNoise())
    budget = middle(one)
    answer = one.traced.at(budget)
    values = (answer.model_bits, answer.data_bits, answer.mdl_bits)
    for value, (low, high) in zip(values, around(one, budget), strict=True):
        assert low < value < high
        assert (low + high) / 2 == pytest.approx(value)
    assert around(one, budget) == around(other, budget)
    assert one.at(budget) == other.at(budget)


def changes_at(compute, halves, strict=False):
    """S of the answer that each half of the sizes gives at a budget."""
    found = [frontier_of(QUIET, sizes=half).traced.at(compute, strict) for half in halves]
    return [answer.model_bits for answer in found]


WIDE = tuple(4_000 * 3**i for i in range(7))


def test_without_noise_only_sparse_points_and_left_out_sizes_count():
    frontier = frontier_of(QUIET, sizes=WIDE)
    compute = middle(frontier)
    answer = frontier.traced.at(compute)
    moved = [abs(s - answer.model_bits) for s in changes_at(compute, (WIDE[::2], WIDE[1::2]))]
    expected = math.hypot(max(moved), answer.interpolation_error_bits)
    assert half_width(around(frontier, compute)[0]) == pytest.approx(expected, rel=1e-3)


def test_a_half_whose_answer_lies_at_its_edge_does_not_count():
    frontier = frontier_of(QUIET)  # halves of two sizes and of one have nothing but edges
    compute = middle(frontier)
    error = frontier.traced.at(compute).interpolation_error_bits
    assert half_width(around(frontier, compute)[0]) == pytest.approx(error, rel=1e-3)


def test_a_floor_error_is_common_to_all_members():
    error = 2e-3
    noise = SimulatedNoise(seed=0.0, floor_nats=error, paired_nats=0.0, difficulty_nats=0.02)
    frontier = frontier_of(noise, sizes=SIZES[:2])
    compute = middle(frontier)
    model, data, _ = around(frontier, compute)
    bits = TEST * error / math.log(2.0)
    sparse = frontier.traced.at(compute).interpolation_error_bits
    # 200 draws know their 95 % quantile to about a tenth; S moves only through the choice.
    assert half_width(data) == pytest.approx(1.96 * bits, rel=0.25)
    assert half_width(model) < math.hypot(0.1 * bits, sparse)


def test_the_paired_errors_of_a_member_widen_its_interval():
    noise = dataclasses.replace(QUIET, paired_nats=5e-3, blocks=64)
    frontier = frontier_of(noise, seeds=2, sizes=SIZES[1:2])
    points, compute = frontier.points, middle(frontier)
    place = int(np.argmin(np.abs(points.time_flops - compute)))
    # The shortest of many noisy points is less spread than one of them.
    error = 1.96 * points.mdl_stderr[place]
    width = half_width(around(frontier, compute)[2])
    sparse = frontier.traced.at(compute).interpolation_error_bits
    assert 0.2 * error < math.sqrt(width**2 - sparse**2) < 1.5 * error


def seeds_width(noise, compute_of, **options):
    """Half-width of S that seeds and sampled tokens make, and the frontier."""
    frontier = frontier_of(noise, **options)
    compute = compute_of(frontier)
    sparse = frontier.traced.at(compute).interpolation_error_bits
    return math.sqrt(half_width(around(frontier, compute)[0]) ** 2 - sparse**2), frontier


def test_the_scatter_of_seeds_sets_the_width():
    widths = []
    for size in (0.01, 0.04):
        noise = SimulatedNoise(seed=size, floor_nats=0.0, paired_nats=0.0, smoothness=1)
        width, frontier = seeds_width(noise, middle, seeds=4, sizes=SIZES[1:2])
        widths.append(width / frontier.at(middle(frontier)).epiplexity_bits)
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.3)


def test_one_member_gives_the_interval_of_a_mean():
    noise = SimulatedNoise(seed=0.05, floor_nats=0.0, paired_nats=0.0, smoothness=1)
    generator = np.random.default_rng(5)
    width, frontier = seeds_width(
        noise, lambda f: f.largest_compute, seeds=12, sizes=SIZES[1:2], generator=generator
    )
    result = frontier.at(frontier.largest_compute)
    member = frontier.all_members[0]
    nearest = int(np.argmin(np.abs(member.train_tokens - result.train_tokens)))
    spread = member.model_seeds[:, nearest].std(ddof=1) / math.sqrt(12)
    assert width == pytest.approx(2.2 * spread, rel=0.25)  # t of 11 degrees of freedom


def test_seeds_that_deviate_alike_in_all_sizes_know_less():
    """Three sizes of two seeds are six deviations, or two where the sizes share them."""
    widths = {}
    for shared in (False, True):
        noise = SimulatedNoise(shared=shared, floor_nats=0.0, paired_nats=0.0, smoothness=1)
        found = []
        for sample in range(12):
            generator = np.random.default_rng(sample)
            frontier = frontier_of(noise, seeds=2, generator=generator)
            found.append(half_width(around(frontier, middle(frontier))[2]))
        widths[shared] = np.median(found)
    assert widths[True] > 1.15 * widths[False]


def test_members_with_one_seed_borrow_the_spread_of_others():
    many = sweep(LAW, SIZES[:1], record_points(500), 4_000_000, 3, SimulatedNoise())
    one = sweep(LAW, SIZES[1:], record_points(500), 4_000_000, 1, SimulatedNoise())
    frontier = trace([*many, *one], test_tokens=TEST)
    result = frontier.at(frontier.largest_compute)
    assert half_width(around(frontier, frontier.largest_compute)[0]) > 0.0
    assert any("single seed of N16000, N64000" in said for said in result.warnings)


@pytest.mark.parametrize("procedure", ["hull-median", "raw"])
def test_every_procedure_has_intervals(procedure):
    frontier = frontier_of(SimulatedNoise(), procedure=procedure)
    assert half_width(around(frontier, middle(frontier))[0]) > 0.0


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
            cost=StepCost.dense(params, 1_000),
            ema=HeldoutLosses(losses),
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
    width = half_width(around(frontier, frontier.largest_compute)[0])
    assert 1.5 * stderr < width < 4 * stderr


def test_entropy_is_never_above_that_of_the_uniform_code():
    """A model without structure, with an area below 0 by luck, wins with a loss above uniform."""
    curves = online_member("small", 1_000, math.log(256) + 1e-5, -1_400.0, 1e3)
    frontier = trace([*curves], test_tokens=1e7)
    result = frontier.at(frontier.largest_compute)
    assert result.status == "untrained"
    low, high = result.entropy_bits_interval
    assert low <= high == result.entropy_bits == 8e7


def test_recipes_that_are_as_good_widen_the_interval():
    frontier = frontier_of(SimulatedNoise())
    budget, change = middle(frontier), {"epiplexity_change": -0.4, "mdl_change": 0.005}
    recipe = RecipeReport("tuned", {"learning_rate": 0.1}, neighbours=(change,))
    setting = dataclasses.replace(frontier.setting, recipe=recipe)
    tuned = Frontier(setting, frontier.all_members, traced=frontier.traced).at(budget)
    plain = frontier.at(budget)
    model, whole = 0.4 * plain.epiplexity_bits, 0.005 * plain.mdl_bits
    for name, moved in (("epiplexity", model), ("entropy", whole + model), ("mdl", whole)):
        own, wider = (getattr(one, f"{name}_bits_interval") for one in (plain, tuned))
        assert half_width(wider) == pytest.approx(math.hypot(half_width(own), moved))
    assert tuned.saturation_interval == plain.saturation_interval
