"""Differences: who is separated, why others are not, and how many seeds would do it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from epiplexity_jax.analysis.frontier.intervals import REPLICATES
from epiplexity_jax.analysis.ranking.differences import differences, open_of
from epiplexity_jax.analysis.ranking.joint import Joint
from epiplexity_jax.analysis.ranking.measures import MEASURES
from epiplexity_jax.base.status import ResultStatus
from tests.unit.analysis.frontier.test_decomposition import uniform

S, H, MDL = (MEASURES.find(name, "by") for name in ("S", "H", "MDL"))


def result(value, *flags, status=ResultStatus.OK):
    return uniform(epiplexity_bits=value, flags=flags, status=status)


def compare(found, tokens=1.0, seeds=1.0, known=(True, True, True), measure=S):
    generator = np.random.default_rng(0)
    drawn = generator.standard_normal((2, REPLICATES, len(found)))
    joint = Joint(
        values=np.array([one.epiplexity_bits for one in found]),
        tokens=tokens * drawn[0],
        seeds=seeds * drawn[1],
        fixed=np.zeros(len(found)),
        freedom=np.full(len(found), 8.0),
        count=3,
        keys=tuple(range(len(found))),
    )
    names = ["a", "b", "c"][: len(found)]
    return differences(names, found, joint, known[: len(found)], measure)


def test_a_large_difference_is_separated_and_a_small_one_is_not():
    ab, ac, bc = compare([result(100.0), result(50.0), result(49.5)])
    assert (ab.separated, ab.larger, ab.why) == (True, "a", "")
    assert (ac.pair, ac.larger) == (("a", "c"), "a")
    assert (bc.separated, bc.larger, bc.why) == (False, None, "within_error")
    low, high = ab.difference_interval
    assert low < 50.0 < high
    assert json.loads(json.dumps(ab.to_json()))["larger"] == "a"


@pytest.mark.parametrize(
    ("first", "second", "sides"),
    [
        ((), (), (False, False)),
        (("largest_size",), (), (False, True)),
        ((), ("edge_steps",), (True, False)),
        (("smallest_size",), (), (True, False)),
        (("edge_rate",), (), (False, False)),
        (("largest_size",), ("largest_size",), (True, True)),
    ],
)
def test_an_edge_opens_the_side_on_which_the_value_may_lie(first, second, sides):
    (one,) = compare([result(100.0, *first), result(50.0, *second)])
    assert tuple(end is None for end in one.difference_interval) == sides
    assert one.separated == (not sides[0])
    assert one.why == ("open" if sides[0] else "")


def test_a_source_that_may_be_larger_is_still_above_a_smaller_one():
    (one,) = compare([result(50.0), result(100.0, "largest_size")])
    assert one.larger == "b"
    (one,) = compare([result(100.0), result(50.0, "largest_size")])
    assert one.larger is None


def test_no_seeds_are_said_to_separate_what_an_edge_leaves_open():
    near = result(2.5), result(0.5)
    (closed,) = compare(near, tokens=0.1)
    assert closed.why == "within_error"
    assert closed.more_seeds
    (one,) = compare([result(2.5, "smallest_size"), near[1]], tokens=0.1)
    assert (one.why, one.more_seeds) == ("open", None)
    (other,) = compare([near[1], result(2.5, "smallest_size")], tokens=0.1)
    assert (other.why, other.more_seeds) == ("open", None)
    # An open side away from 0 leaves it to the seeds.
    (away,) = compare([result(2.5, "largest_size"), near[1]], tokens=0.1)
    assert (away.why, away.more_seeds) == ("within_error", closed.more_seeds)


def test_a_budget_below_every_model_says_nothing_of_its_source():
    none = result(0.0, "below_cheapest", status=ResultStatus.UNTRAINED)
    assert open_of(none, S) == (False, True)
    assert open_of(none, H) == open_of(none, MDL) == (True, False)
    assert open_of(result(0.0, "largest_size", status=ResultStatus.UNTRAINED), S) == (False, False)
    (one,) = compare([result(100.0), none])
    assert (one.separated, one.why) == (False, "open")


NOTHING = [ResultStatus.UNTRAINED, ResultStatus.BELOW_RESOLUTION]


@pytest.mark.parametrize("first", NOTHING)
@pytest.mark.parametrize("second", NOTHING)
def test_sources_without_structure_are_not_told_apart_by_it(first, second):
    found = [result(30.0, status=first), result(0.0, status=second)]
    assert compare(found)[0].why == "no_structure"
    assert compare(found, measure=MDL)[0].separated


def test_other_reasons_are_named():
    negative = result(-50.0, status=ResultStatus.NEGATIVE)
    assert compare([result(100.0), negative])[0].why == "negative"
    single = compare([result(100.0), result(1.0)], known=(True, False))[0]
    assert (single.why, single.difference_interval) == ("single_seed", None)


def test_as_many_seeds_as_are_said_would_separate():
    found = [result(3.0), result(0.0)]
    (one,) = compare(found, tokens=0.3)
    assert one.why == "within_error"
    generator = np.random.default_rng(0)
    drawn = generator.standard_normal((2, REPLICATES, 2))
    freedom = np.full(2, 8.0)
    joint = Joint(np.array([3.0, 0.0]), 0.3 * drawn[0], drawn[1], np.zeros(2), freedom, 3, (0, 1))
    assert joint.half_widths(3 + one.more_seeds)[0] < 3.0
    assert joint.half_widths(2 + one.more_seeds)[0] >= 3.0
    (hopeless,) = compare([result(0.5), result(0.0)], tokens=1.0)
    assert hopeless.more_seeds is None
    (far,) = compare([replace(result(0.1)), result(0.0)], tokens=0.0)
    assert far.more_seeds is None
