import json
import math

import numpy as np
import pytest

from epiplexity_jax.analysis import Cost, Curve, Heldout, Online, trace
from epiplexity_jax.analysis.runs.curve import Exact
from epiplexity_jax.analysis.scaling_law import CappedLaw
from epiplexity_jax.analysis.simulate import Noise, sweep
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import record_points

LAW = CappedLaw(0.331, 0.566, 8.0e1, 2.66e6, 3.14, 256)
TEST = 1e9
STEPS = record_points(500)
SIZES = (4_000, 16_000, 64_000)


def law_sweep(seeds=1, noise=None, sizes=SIZES):
    return sweep(LAW, sizes, STEPS, 4_000_000, seeds, noise)


def toy(loss, *, params=1000, seed=0, error=0.0, **options):
    """A curve with the given held-out losses, whose paired errors have a known size."""
    loss = np.asarray(loss, dtype=np.float64)
    generator = np.random.default_rng([seed, params])
    blocks = loss[:, None] + error * 8 * generator.standard_normal((loss.size, 64))
    blocks[0] = loss[0]
    defaults = {
        "source": "toy",
        "size": f"N{params}",
        "vocab_size": 2,
        "steps": np.arange(loss.size),
        "cost": Cost.dense(params, 1000),
    }
    heldout = Heldout(loss, np.full(loss.size, error), blocks)
    return Curve(params=params, seed=seed, ema=heldout, **(defaults | options))


NOISE = math.log(2.0) + np.concatenate([[0.0], np.linspace(0.004, 0.001, 30)])
LEARNT = math.log(2.0) * np.exp(-np.arange(31) / 8.0)


def test_the_two_part_code_never_rises_with_the_budget():
    for procedure in ("refined", "hull-median", "raw"):
        frontier = trace(law_sweep(3, Noise()), test_tokens=TEST, procedure=procedure)
        for strict in (False, True):
            budgets = np.geomspace(frontier.compute[0] / 3, frontier.largest_compute * 3, 300)
            lengths = [frontier.at(float(c), strict).mdl_bits for c in budgets]
            assert np.all(np.diff(lengths) <= 1e-6 * lengths[0])


def test_lengths_add_up_and_lie_between_the_neighbours():
    frontier = trace(law_sweep(), test_tokens=TEST)
    k = frontier.compute.size // 2
    middle = frontier.at(float(np.sqrt(frontier.compute[k] * frontier.compute[k + 1])))
    assert middle.mdl_bits == pytest.approx(middle.epiplexity_bits + middle.entropy_bits)
    assert middle.mdl_bits == pytest.approx(frontier.mdl_bits[k : k + 2].mean())
    assert middle.epiplexity_bits == pytest.approx(frontier.epiplexity_bits[k : k + 2].mean())
    assert middle.neighbours == frontier.members[k : k + 2]
    assert middle.params in frontier.params[k : k + 2]


def test_strict_is_the_best_candidate_within_the_budget():
    frontier = trace(law_sweep(), test_tokens=TEST)
    compute = float(np.sqrt(frontier.compute[0] * frontier.largest_compute))
    strict = frontier.at(compute, strict=True)
    within = frontier.points.time_flops <= compute
    assert strict.mdl_bits == frontier.points.mdl_bits[within].min()
    assert frontier.at(compute).mdl_bits < strict.mdl_bits
    assert len(strict.neighbours) == 1


def test_vertices_answer_themselves_and_refined_candidates_hold_every_record_point():
    frontier = trace(law_sweep(), test_tokens=TEST)
    k = frontier.compute.size // 2
    assert frontier.at(float(frontier.compute[k])).mdl_bits == frontier.mdl_bits[k]
    raw = trace(law_sweep(), test_tokens=TEST, procedure="raw")
    assert np.isin(raw.points.time_flops, frontier.points.time_flops).all()
    line = np.interp(np.log(raw.compute), np.log(frontier.compute), np.log(frontier.mdl_bits))
    assert np.all(line <= np.log(raw.mdl_bits) + 1e-9)


def test_noise_is_untrained_with_the_exact_length_of_the_uniform_code():
    curves = [toy(NOISE, seed=s, params=p, error=2e-4) for s in range(3) for p in (1000, 4000)]
    frontier = trace(curves, test_tokens=1e6)
    result = frontier.at(frontier.largest_compute)
    assert result.status == "untrained"
    assert result.epiplexity_bits == 0.0
    assert result.entropy_bits == result.mdl_bits == 1e6
    assert result.epiplexity_bits_interval == (0.0, 0.0)
    assert 0.999e6 < result.entropy_bits_interval[0] <= result.entropy_bits_interval[1] == 1e6
    assert result.params == 0
    assert result.resolution_bits > 0.0
    assert "two standard errors" in result.warnings[-1]


def test_a_model_that_wins_by_less_than_its_error_is_untrained():
    lucky = math.log(2.0) - np.concatenate([[0.0], np.full(30, 3e-4)])
    loud = trace([toy(lucky, seed=s, error=1e-3) for s in range(3)], test_tokens=1e6)
    result = loud.at(loud.largest_compute)
    assert result.status == "untrained"
    assert "within the error" in result.warnings[-1]
    assert result.epiplexity_bits_interval[0] == 0.0
    assert result.entropy_bits_interval[0] < result.entropy_bits
    quiet = trace([toy(lucky, seed=s, error=1e-5) for s in range(3)], test_tokens=1e6)
    assert quiet.at(quiet.largest_compute).status != "untrained"


def test_resolution_is_that_of_the_best_model_the_budget_buys():
    small, large = toy(NOISE, error=2e-4), toy(NOISE + 0.1, params=4000, error=2e-4)
    frontier = trace([small, large], test_tokens=1e6)
    points = frontier.points
    mine = points.last & (points.member == 0)
    result = frontier.at(frontier.largest_compute)
    assert result.resolution_bits == pytest.approx(2 * points.model_stderr[mine][0])
    cheapest = frontier.at(frontier.compute[0] / 2)
    assert cheapest.flags == ("below_cheapest",)
    assert 0.0 < cheapest.resolution_bits < result.resolution_bits


def test_learning_far_above_its_error_is_ok():
    frontier = trace([toy(LEARNT, error=1e-4)], test_tokens=1e6)
    result = frontier.at(frontier.largest_compute)
    assert result.status == "ok"
    area = 1000 * (LEARNT[:30].sum() - 30 * LEARNT[30]) / math.log(2.0)
    assert result.epiplexity_bits == pytest.approx(area, rel=1e-2)
    assert result.train_tokens == 30_000
    assert result.flags == ("edge_steps",)
    assert result.epiplexity_bits_interval is None
    assert any("single seed" in said for said in result.warnings)


def test_an_area_within_its_error_is_below_resolution_and_kept():
    # All is gained in one step, and the online losses are too loud to say what it was worth.
    sudden = np.concatenate([[math.log(2.0)], np.full(30, 0.5)])
    steps = np.arange(31.0)
    total = 1000 * (np.minimum(steps, 1) * math.log(2.0) + np.maximum(steps - 1, 0) * 0.5)
    online = Online(total, np.full(31, 700.0**2))
    curve = toy(sudden, online=online, variant="online", variants=("online",))
    frontier = trace([curve], test_tokens=1e6)
    result = frontier.at(frontier.largest_compute)
    assert result.epiplexity_bits == pytest.approx(1000 * (math.log(2.0) - 0.5) / math.log(2.0))
    assert result.resolution_bits == pytest.approx(2 * 700 / math.log(2.0))
    assert result.status == "below_resolution"
    assert abs(result.epiplexity_bits) < result.resolution_bits
    assert any("below resolution (< " in said for said in result.warnings)


def test_a_floor_above_the_curve_is_negative_and_explained():
    # The best code is the last one, though the EMA losses before it were lower.
    late = np.concatenate([[math.log(2.0)], np.full(29, 0.3), [0.35]])
    curve = toy(late, error=1e-5)
    frontier = trace([curve], test_tokens=10.0, floor="ema")
    strict = frontier.at(frontier.largest_compute, strict=True)
    assert strict.epiplexity_bits < 0
    assert strict.status == "negative"
    assert any("negative" in said for said in strict.warnings)


def test_budgets_outside_the_sweep_are_flagged():
    frontier = trace(law_sweep(), test_tokens=TEST)
    below = frontier.at(frontier.compute[0] / 10)
    assert below.flags == ("below_cheapest",)
    assert (below.status, below.member) == ("untrained", "uniform")
    above = frontier.at(frontier.largest_compute * 10)
    last = frontier.at(frontier.largest_compute)
    assert "carried" in above.flags
    assert "carried" not in last.flags
    assert above.mdl_bits == last.mdl_bits


def test_an_optimum_at_the_edge_of_the_sizes_is_flagged():
    frontier = trace(law_sweep(), test_tokens=TEST)
    assert "edge_size" in frontier.at(frontier.largest_compute).flags
    inside = [k for k, name in enumerate(frontier.members) if name == "N16000"]
    assert "edge_size" not in frontier.at(frontier.compute[inside[len(inside) // 2]]).flags
    alone = trace(law_sweep(sizes=SIZES[:1]), test_tokens=TEST)
    assert "edge_size" not in alone.at(alone.largest_compute).flags


def test_a_bridge_is_flagged_between_its_ends_only():
    cliff = np.where(np.arange(41) < 30, 0.69, 0.05)
    cliff[0] = math.log(2.0)
    frontier = trace([toy(cliff)], test_tokens=1e5)
    k = int(np.argmax(frontier.traced.bridged))
    middle = float(np.sqrt(frontier.compute[k] * frontier.compute[k + 1]))
    assert "bridged" in frontier.at(middle).flags
    assert "bridged" not in frontier.at(middle, strict=True).flags
    assert "bridged" not in frontier.at(frontier.compute[k + 1]).flags


def test_a_solved_source_has_finite_logarithms():
    solved = np.where(np.arange(31) < 3, math.log(2.0), 0.0)
    frontier = trace([toy(solved, seed=s) for s in range(3)], test_tokens=1e6)
    result = frontier.at(frontier.largest_compute)
    assert result.entropy_bits == 0.0
    assert np.all(np.isfinite(result.epiplexity_bits_interval))


def test_seeds_are_averaged_on_their_common_record_points():
    long = toy(np.concatenate([LEARNT, [LEARNT[-1]] * 5]), seed=0, steps=np.arange(36))
    short = toy(LEARNT * 0.9 + 0.1 * LEARNT[0], seed=1)
    frontier = trace([long, short], test_tokens=1e6, procedure="raw")
    assert frontier.points.step.max() == 30
    assert frontier.all_members[0].seeds == 2
    mean = (LEARNT[30] * 1.9 + 0.1 * LEARNT[0]) / 2
    assert frontier.entropy_bits[-1] == pytest.approx(1e6 * mean / math.log(2.0))


def test_seeds_whose_record_points_differ_are_averaged_between_them():
    every, some = np.arange(31), np.array([0, 1, 4, 7, 13, 19, 28])
    curves = [toy(LEARNT, seed=0), toy(LEARNT[some], seed=1, steps=some)]
    frontier = trace(curves, test_tokens=1e6, procedure="raw")
    whole = trace([toy(LEARNT, seed=s, steps=every) for s in (0, 1)], test_tokens=1e6)
    (member,), (wanted,) = frontier.all_members, whole.all_members
    np.testing.assert_array_equal(member.steps, some)  # those of the run that ends first
    np.testing.assert_array_equal(member.data_seeds[0], wanted.data_seeds[0][some])
    between = toy(LEARNT[:29:2], seed=2, steps=every[:29:2])  # has 4 and 28, but not 1 or 7
    mixed = trace([curves[1], between], test_tokens=1e6).all_members[0]
    np.testing.assert_allclose(mixed.data_seeds[1], member.data_seeds[1], rtol=0.03)
    assert not any("end at steps" in said for said in frontier.warnings)


def test_lengths_that_may_not_be_interpolated_are_averaged_where_every_seed_has_them():
    def exact(loss, seed):
        online = Online(np.cumsum(1000 * loss) - 1000 * loss[0], np.zeros(loss.size))
        own = {"online": online, "exact": Exact(5e5, 5e5), "variant": "exact"}
        return toy(loss, seed=seed, variants=("online", "exact"), **own)

    longer, shorter = exact(LEARNT, 0), exact(LEARNT[:16], 1)
    (alike,) = trace([longer, exact(LEARNT, 1)], test_tokens=1e6).all_members
    np.testing.assert_array_equal(alike.steps, [0, 30])
    (member,) = trace([longer, shorter], test_tokens=1e6).all_members
    np.testing.assert_array_equal(member.steps, [0])


def test_seeds_that_end_far_apart_are_named():
    short = toy(LEARNT[:16], seed=1, steps=np.arange(16))
    frontier = trace([toy(LEARNT), short], test_tokens=1e6)
    assert "the seeds of N1000 end at steps 15 to 30, and count to the first of these" in (
        frontier.warnings
    )


def test_the_scatter_of_seeds_enters_the_standard_error_of_their_mean():
    factors = np.array([0.98, 1.01, 1.04])
    curves = [toy(LEARNT * factor, seed=s) for s, factor in enumerate(factors)]
    member = trace(curves, test_tokens=1e6).all_members[0]
    scatter = factors.std(ddof=1) / math.sqrt(3)
    assert member.model_stderr[-1] == pytest.approx(scatter * member.model_bits[-1] / 1.01)
    assert member.mdl_stderr[-1] == pytest.approx(
        scatter * (member.model_bits[-1] + member.data_bits[-1]) / 1.01
    )


def test_members_of_one_size_are_told_apart_by_their_learning_rate():
    curves = [toy(LEARNT + 0.01 * k, learning_rate=rate) for k, rate in enumerate((0.01, 0.03))]
    frontier = trace(curves, test_tokens=1e6)
    assert [member.name for member in frontier.all_members] == ["N1000 lr 0.01", "N1000 lr 0.03"]


def test_diverged_runs_are_left_out_and_named():
    bad = toy(np.where(np.arange(31) > 5, np.nan, LEARNT), params=4000, status="diverged")
    frontier = trace([toy(LEARNT), bad], test_tokens=1e6)
    assert [member.name for member in frontier.all_members] == ["N1000"]
    assert frontier.warnings[0] == "1 of 2 runs diverged and are left out: toy N4000 seed 0"


def test_diverged_runs_of_several_learning_rates_are_told_apart():
    nan = np.where(np.arange(31) > 5, np.nan, LEARNT)
    bad = toy(nan, learning_rate=10.0, status="diverged")
    frontier = trace([toy(LEARNT, learning_rate=0.03), bad], test_tokens=1e6)
    assert frontier.warnings[0] == "1 of 2 runs diverged and are left out: toy N1000 seed 0 lr 10"


def test_when_every_run_diverged_the_uniform_code_answers():
    frontier = trace([toy(LEARNT, status="diverged")], test_tokens=1e6)
    result = frontier.at(1e9)
    assert (result.status, result.entropy_bits, result.flags) == ("untrained", 1e6, ())
    assert result.resolution_bits is None
    assert frontier.budgets() == []
    assert any("lower the learning rate" in said for said in result.warnings)


def test_an_untrained_run_alone_answers():
    frontier = trace([toy([math.log(2.0)])], test_tokens=1e6)
    result = frontier.at(frontier.largest_compute)
    assert (result.status, result.resolution_bits) == ("untrained", None)


def test_budgets_are_log_spaced_and_within_the_sweep():
    frontier = trace(law_sweep(), test_tokens=TEST)
    budgets = frontier.budgets(4)
    assert len(budgets) == 4
    assert frontier.compute[0] < budgets[0]
    assert budgets[-1] <= frontier.largest_compute
    assert all(float(f"{budget:.1e}") == budget for budget in budgets)


def test_json_is_plain_and_spelled_out():
    frontier = trace(law_sweep(2, Noise()), test_tokens=TEST)
    plain = json.loads(json.dumps(frontier.at(frontier.budgets()[2]).to_json(), allow_nan=False))
    assert plain["status"] == "ok"
    assert len(plain["epiplexity_bits_interval"]) == 2
    assert plain["test_tokens"] == TEST
    assert plain["entropy_bits_per_byte"] is None
    assert plain["selection_bits"] == pytest.approx(math.log2(plain["candidates"]))


def test_entropy_per_byte_where_the_source_has_bytes():
    frontier = trace([toy(LEARNT, bytes_per_token=2.0)], test_tokens=1e6)
    result = frontier.at(frontier.largest_compute)
    assert result.entropy_bits_per_byte == pytest.approx(result.entropy_bits_per_token / 2.0)


@pytest.mark.parametrize("compute", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_must_be_positive(compute):
    frontier = trace([toy(LEARNT)], test_tokens=1e6)
    with pytest.raises(ConfigError, match="compute: must be a positive number of FLOPs"):
        frontier.at(compute)


@pytest.mark.parametrize(
    ("curves", "options", "said"),
    [
        ([], {}, "curves: expected at least one run, got an empty list"),
        ([toy(LEARNT), toy(LEARNT, source="other")], {}, "one source, got other, toy"),
        ([toy(LEARNT), toy(LEARNT, vocab_size=4)], {}, "one vocab_size"),
        ([toy(LEARNT)], {"test_tokens": 0.0}, "test_tokens: must be a positive"),
        ([toy(LEARNT)], {"procedure": "refine"}, "did you mean 'refined'"),
        ([toy(LEARNT)], {"variant": "online"}, "not recorded for toy N1000 seed 0"),
        ([toy(LEARNT)], {"floor": "raw"}, "floor: 'raw' is not known"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(curves, options, said):
    with pytest.raises(ConfigError, match=said):
        trace(curves, **({"test_tokens": 1e6} | options))


def test_where_structure_is_found_a_trained_model_is_named():
    """Near the untrained model in log T, the answer is still about what was learnt."""
    frontier = trace([toy(LEARNT, seed=seed) for seed in range(2)], test_tokens=1e9)
    start = float(frontier.points.time_flops[0])
    first = float(frontier.compute[frontier.compute > start].min())
    found = frontier.at(start * (first / start) ** 0.1)
    assert found.epiplexity_bits > 0.0
    assert found.status == "ok"
    assert found.train_tokens > 0


def test_budgets_of_a_sweep_in_which_evaluation_takes_most_of_the_time_reach_its_end():
    frontier = trace([toy(LEARNT, seed=seed) for seed in range(2)], test_tokens=1e9)
    start, end = float(frontier.points.time_flops[0]), frontier.largest_compute
    assert end / start < 1.01
    (budget,) = frontier.budgets()
    assert end - 0.1 * (end - start) <= budget <= end
    assert frontier.at(budget).train_tokens > 0
