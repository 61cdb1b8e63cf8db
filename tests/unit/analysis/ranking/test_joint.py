"""Joint replicates: seeds paired, tokens independent, widths simultaneous over pairs."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit

from epiplexity_jax.analysis.frontier.intervals import REPLICATES
from epiplexity_jax.analysis.ranking.joint import Joint, JointReplicates
from epiplexity_jax.analysis.ranking.measures import MEASURES
from epiplexity_jax.analysis.simulate import SimulatedNoise
from tests.unit.analysis.ranking.made import flat, like, middle, source, tuned

S, H = (MEASURES.find(name, "by") for name in ("S", "H"))


def joint_of(frontiers, budget, measure=S):
    found = [frontier.at(budget) for frontier in frontiers.values()]
    return JointReplicates(frontiers).at(budget, found, measure)


def correlation(deviations):
    return np.corrcoef(deviations.T)[0, 1]


def test_the_same_runs_twice_share_their_seeds_and_no_tokens():
    one = source(0, noise=SimulatedNoise(seed=0.02, floor_nats=3e-3))
    joint = joint_of({"a": one, "b": one}, middle(one), H)
    assert correlation(joint.seeds) > 0.9
    assert abs(correlation(joint.tokens)) < 0.25


def test_sources_with_other_members_share_nothing():
    one, other = source(0), source(1, seeds=2)
    joint = joint_of({"a": one, "b": other}, middle(one, other))
    assert abs(correlation(joint.seeds)) < 0.25
    assert joint.count == 2
    replicates = JointReplicates({"a": one, "b": other})
    assert joint.freedom.tolist() == [each.freedom for each in replicates.intervals]


def test_replicates_depend_on_the_name_alone():
    one, other = source(0), source(1)
    budget = middle(one, other)
    joint = joint_of({"a": one, "b": other}, budget)
    turned = joint_of({"b": other, "a": one}, budget)
    assert np.array_equal(joint.tokens, turned.tokens[:, ::-1])


def test_single_seeds_have_no_replicates():
    one, other = source(0, seeds=1), source(1)
    replicates = JointReplicates({"a": one, "b": other})
    assert replicates.known == [False, True]
    found = [frontier.at(1e14) for frontier in (one, other)]
    assert not replicates.at(1e14, found, S).tokens[:, 0].any()


def test_untrained_sources_do_not_vary_below_nothing():
    one, other = flat(0), flat(1)
    joint = joint_of({"a": one, "b": other}, one.largest_compute * 0.9)
    assert joint.values.tolist() == [0.0, 0.0]
    assert not joint.fixed.any()


def made(count, freedom=8.0, tokens=1.0, seeds=1.0, samples=REPLICATES):
    generator = np.random.default_rng(0)
    drawn = generator.standard_normal((2, samples, count))
    return Joint(
        values=np.zeros(count),
        tokens=tokens * drawn[0],
        seeds=seeds * drawn[1],
        fixed=np.zeros(count),
        freedom=np.full(count, freedom),
        count=3,
        keys=tuple(range(count)),
    )


def test_one_pair_has_the_interval_of_a_normal_or_of_students_t():
    (half,) = made(2, seeds=0.0).half_widths()
    assert half == pytest.approx(1.96 * np.sqrt(2.0), rel=0.15)
    (half,) = made(2, freedom=3.0, tokens=0.0).half_widths()
    assert half == pytest.approx(stdtrit(3.0, 0.975) * np.sqrt(2.0), rel=0.25)


def test_more_pairs_are_wider_and_more_seeds_are_narrower():
    two, six = made(2).half_widths(), made(6).half_widths()
    assert six.size == 15
    # Tukey's studentized range: 4.03 of a mean's error for six, 2.77 for two.
    assert np.median(six) / two[0] == pytest.approx(4.03 / 2.77, rel=0.25)
    widths = [made(2).half_widths(n)[0] for n in (3, 4, 8, 60)]
    assert widths == sorted(widths, reverse=True)
    assert made(2).least_half_widths()[0] == pytest.approx(1.96 * np.sqrt(2.0), rel=0.15)


def test_a_surer_interval_is_that_much_wider():
    (usual,) = made(2, seeds=0.0).half_widths()
    (surer,) = replace(made(2, seeds=0.0), level=0.995).half_widths()
    assert surer / usual == pytest.approx(2.81 / 1.96, rel=0.1)


def test_a_source_with_few_seeds_widens_its_own_pairs_alone():
    many = made(4, freedom=12.0, tokens=0.0)
    few = replace(many, freedom=np.array([12.0, 12.0, 12.0, 1.5]))
    wider = few.half_widths() / many.half_widths()
    of_few = np.array([3 in pair for pair in few.pairs])
    assert (wider[of_few] > 1.2).all()
    assert wider[~of_few] == pytest.approx(1.0, abs=0.2)


def test_a_source_without_scatter_has_no_say_in_the_degrees_of_freedom():
    joint = made(2, freedom=2.0, tokens=0.0)
    still = replace(joint, seeds=joint.seeds * [1.0, 1e-9], freedom=np.array([9.0, 2.0]))
    (half,) = still.half_widths()
    assert half == pytest.approx(stdtrit(9.0, 0.975), rel=0.15)


def test_balanced_intervals_hold_all_differences_at_once():
    """Sources of unlike scatter: no pair lies beyond its interval in 95 % of fresh draws."""
    scales = np.array([1.0, 3.0, 0.1, 10.0, 0.01])
    joint = made(5, freedom=1e6, tokens=scales, seeds=0.0)
    fresh = scales * np.random.default_rng(1).standard_normal((4000, 5))
    first, second = np.array(joint.pairs).T
    beyond = np.abs(fresh[:, first] - fresh[:, second]) > joint.half_widths()
    assert 0.03 < beyond.any(axis=1).mean() < 0.1
    assert beyond.mean(axis=0) == pytest.approx(beyond.mean(), abs=0.02)  # of every pair alike


def test_a_scatter_that_few_seeds_show_too_small_separates_no_set():
    """Six equal sources whose scatter the same three seeds show, so wrong for all alike."""
    freedom, beyond = 2.0, []
    for case in range(80):
        generator = np.random.default_rng([3, case])
        measured = 2.0 * np.sqrt(generator.chisquare(freedom) / freedom)  # 2 in truth
        keys = tuple(range(case, case + 6))
        joint = replace(made(6, freedom=freedom, seeds=measured), keys=keys)
        errors = np.hypot(1.0, 2.0) * generator.standard_normal(6)
        first, second = np.array(joint.pairs).T
        beyond.append((np.abs(errors[first] - errors[second]) > joint.half_widths()).any())
    assert np.mean(beyond) < 0.05


def test_tokens_are_known_and_widen_no_tail():
    """Student's factor is of the seeds' part alone, however few its degrees of freedom."""
    still = made(4, freedom=1.5, tokens=1.0, seeds=1e-6)
    known = made(4, freedom=1e6, tokens=1.0, seeds=1e-6)
    assert still.half_widths() == pytest.approx(known.half_widths(), rel=1e-3)


def test_errors_that_are_not_drawn_are_added_as_squares():
    joint = made(2)
    fixed = replace(joint, fixed=np.array([3.0, 4.0]))
    assert fixed.half_widths()[0] == pytest.approx(np.hypot(joint.half_widths()[0], 5.0))


def test_recipes_that_are_as_good_are_an_error_of_their_own_source_alone():
    one, other = source(0), source(1)
    recipe = replace(tuned(0.0, 0.0), neighbours=({"epiplexity_change": 0.3, "mdl_change": 0.0},))
    budget = middle(one, other)
    plain = joint_of({"a": one, "b": other}, budget)
    joint = joint_of({"a": like(one, recipe=recipe), "b": other}, budget)
    assert joint.fixed[0] == pytest.approx(np.hypot(plain.fixed[0], 0.3 * joint.values[0]))
    assert joint.fixed[1] == plain.fixed[1]
    entropy = joint_of({"a": like(one, recipe=recipe), "b": other}, budget, H)
    assert entropy.fixed[0] == pytest.approx(0.3 * joint.values[0], rel=0.5)  # of larger H
