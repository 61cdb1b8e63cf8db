import json
import math
from unittest import mock

import numpy as np
import pytest

from epiplexity_jax.analysis import Frontier, Online, trace
from epiplexity_jax.analysis.runs.recipes import RecipeReport
from epiplexity_jax.analysis.simulate import SimulatedNoise
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.frontier.made import LEARNT, SIZES, TEST, law_sweep, toy

NOISE = math.log(2.0) + np.concatenate([[0.0], np.linspace(0.004, 0.001, 30)])


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
    assert "more than its error" in result.warnings[-1]


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
    assert result.flags == ("edge_size", "smallest_size", "largest_size", "edge_steps")
    assert result.epiplexity_bits_interval is None
    assert any("single seed" in said for said in result.warnings)


def test_an_area_within_its_error_is_below_resolution_and_kept():
    # All is gained in one step, and the online losses are too loud to say what it was worth.
    sudden = np.concatenate([[math.log(2.0)], np.full(30, 0.5)])
    steps = np.arange(31.0)
    total = 1000 * (np.minimum(steps, 1) * math.log(2.0) + np.maximum(steps - 1, 0) * 0.5)
    online = Online(total, np.minimum(steps, 1) * 700.0**2)
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
    assert {"edge_size", "largest_size"} <= set(frontier.at(frontier.largest_compute).flags)
    inside = [k for k, name in enumerate(frontier.members) if name == "N16000"]
    assert "edge_size" not in frontier.at(frontier.compute[inside[len(inside) // 2]]).flags
    alone = trace(law_sweep(sizes=SIZES[:1]), test_tokens=TEST)
    both = {"edge_size", "smallest_size", "largest_size"}
    assert both <= set(alone.at(alone.largest_compute).flags)


def test_intervals_are_open_where_the_optimum_may_lie_beyond_the_grid():
    frontier = trace(law_sweep(3, SimulatedNoise()), test_tokens=TEST)
    largest = frontier.at(frontier.largest_compute)
    assert "largest_size" in largest.flags
    assert largest.epiplexity_bits_interval[1] is None
    assert largest.epiplexity_bits_interval[0] < largest.epiplexity_bits
    assert largest.entropy_bits_interval[0] is None
    assert largest.mdl_bits_interval[0] is None
    assert largest.mdl_bits_interval[1] > largest.mdl_bits
    smallest = frontier.at(float(frontier.compute[1]))
    assert "smallest_size" in smallest.flags
    assert smallest.epiplexity_bits_interval[0] is None
    assert smallest.entropy_bits_interval[1] is None
    (middle, *_) = [b for b in frontier.budgets() if not frontier.at(b).flags]
    assert None not in frontier.at(middle).epiplexity_bits_interval


def test_budgets_are_those_whose_optimum_lies_inside():
    frontier = trace(law_sweep(), test_tokens=TEST)
    budgets = frontier.budgets()
    assert len(budgets) > 1
    assert all(not {"edge_size", "edge_steps"} & set(frontier.at(b).flags) for b in budgets)
    alone = trace(law_sweep(sizes=SIZES[:1]), test_tokens=TEST)
    assert all("edge_size" in alone.at(b).flags for b in alone.budgets())
    assert any("add larger sizes" in said for said in alone.at(alone.budgets()[0]).warnings)


def test_budgets_leave_edges_of_recipes_out_where_others_remain():
    def at_edges(flags):
        recipe = RecipeReport("tuned", {}, flags=flags)
        frontier = trace(law_sweep(), test_tokens=TEST, recipe=recipe)
        return frontier.reach_inside

    inside = at_edges(())
    assert inside is not None
    assert at_edges(("edge_rate", "edge_batch")) == inside  # none remain
    frontier = trace(law_sweep(), test_tokens=TEST)
    middle = math.sqrt(inside[0] * inside[1])
    with mock.patch.object(type(frontier), "_edges", half_at_an_edge(middle)):
        low, high = trace(law_sweep(), test_tokens=TEST).reach_inside
    assert middle < low < high == inside[1]


def half_at_an_edge(middle):
    """Flags of a sweep whose best rate is the last one below a budget."""
    own = Frontier._edges

    def edges(self, compute):
        found = own(self, compute)
        return found | {"edge_rate"} if found is not None and compute < middle else found

    return edges


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
    curves = [toy(solved, error=1e-4, seed=s) for s in range(3)]
    for curve in curves:
        curve.ema.blocks_nats[3:] = 0.0
    frontier = trace(curves, test_tokens=1e6)
    result = frontier.at(frontier.largest_compute)
    assert result.entropy_bits == 0.0
    found = frontier.intervals.around(
        frontier.largest_compute, frontier.traced.at(frontier.largest_compute)
    )
    assert np.all(np.isfinite(found))


def test_an_untrained_run_alone_answers():
    frontier = trace([toy([math.log(2.0)])], test_tokens=1e6)
    result = frontier.at(frontier.largest_compute)
    assert (result.status, result.resolution_bits) == ("untrained", None)


def test_json_is_plain_and_spelled_out():
    frontier = trace(law_sweep(2, SimulatedNoise()), test_tokens=TEST)
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


def test_where_structure_is_found_a_trained_model_is_named():
    """Near the untrained model in log T, the answer is still about what was learnt."""
    frontier = trace([toy(LEARNT, seed=seed) for seed in range(2)], test_tokens=1e9)
    start = float(frontier.points.time_flops[0])
    first = float(frontier.compute[frontier.compute > start].min())
    found = frontier.at(start * (first / start) ** 0.1)
    assert found.epiplexity_bits > 0.0
    assert found.status == "ok"
    assert found.train_tokens > 0


@pytest.mark.parametrize(
    ("value", "flag"), [("learning_rate", "edge_rate"), ("batch_size", "edge_batch")]
)
def test_a_best_member_at_the_end_of_the_familys_own_rates_or_batches_is_flagged(value, flag):
    def flags(*excess):
        curves = [
            toy(LEARNT + 0.05 * more * (np.arange(31) > 0), error=1e-4, **{value: 2**k})
            for k, more in enumerate(excess)
        ]
        return trace(curves, test_tokens=1e9).at(1e15).flags

    assert flag in flags(0, 1, 2)
    assert flag in flags(2, 1, 0)
    assert flag not in flags(1, 0, 1)
    assert flag not in flags(0)


def test_the_cure_for_sparse_record_points_exists():
    """The online variant, which sums every loss and interpolates nothing."""
    steps = np.array([0, 10, 1000])
    curve = toy(
        [1.0, 0.5, 0.1],
        steps=steps,
        online=Online(steps * 600.0),
        variants=("paired", "online"),
        vocab_size=16,
    )
    sparse = trace([curve], test_tokens=1e9)
    assert any("--variant online" in said for said in sparse.at(1e15).warnings)
    summed = trace([curve], test_tokens=1e9, variant="online").at(1e15)
    assert summed.interpolation_error_bits == 0.0
    assert not any("sparse" in said for said in summed.warnings)


@pytest.mark.parametrize("seeds", [1, 2])
def test_curves_without_errors_give_no_interval_and_say_so(seeds):
    frontier = trace(law_sweep(seeds), test_tokens=TEST)
    (middle, *_) = frontier.budgets()
    found = frontier.at(middle)
    assert found.status == "ok"
    assert found.resolution_bits is None
    assert any("carry no errors" in said for said in found.warnings)
    assert found.epiplexity_bits_interval is None
    assert found.entropy_bits_interval is None


def test_a_worse_code_of_the_data_wins_by_no_negative_model_length():
    """Training reads 30,000 tokens, the dataset has 10: a floor above the curve shortens MDL."""
    rising = math.log(2.0) + np.append(0.0, np.full(30, 1e-3)) * np.linspace(0.0, 1.0, 31)
    frontier = trace([toy(rising, error=1e-9)], test_tokens=10.0)
    points = frontier.points
    assert points.mdl_bits.min() < frontier.uniform_bits - 1.0
    assert points.data_bits[np.argmin(points.mdl_bits)] > frontier.uniform_bits
    found = frontier.at(frontier.largest_compute)
    assert (found.status, found.epiplexity_bits) == ("untrained", 0.0)
    assert found.mdl_bits == frontier.uniform_bits


def test_default_budgets_have_no_holes():
    inside = trace(law_sweep(), test_tokens=TEST).budgets()

    def without(self, compute):
        return {"edge_steps"} if compute == inside[2] else own(self, compute)

    own = Frontier._edges
    with mock.patch.object(Frontier, "_edges", without):
        assert trace(law_sweep(), test_tokens=TEST).budgets() == [*inside[:2], *inside[3:]]
