import math

import numpy as np
import pytest

from epiplexity_jax.analysis import Online, trace
from epiplexity_jax.analysis.runs.curve import Exact
from tests.unit.analysis.frontier.made import LEARNT, toy


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


def test_members_of_one_size_are_told_apart_by_their_batch():
    curves = [toy(LEARNT + 0.01 * k, batch_size=size) for k, size in enumerate((16, 64))]
    frontier = trace(curves, test_tokens=1e6)
    assert [member.name for member in frontier.all_members] == ["N1000 batch 16", "N1000 batch 64"]
    both = [
        toy(LEARNT, learning_rate=rate, batch_size=size) for rate in (0.1, 0.2) for size in (16, 64)
    ]
    names = [member.name for member in trace(both, test_tokens=1e6).all_members]
    assert names[0] == "N1000 lr 0.1 batch 16"
    assert len(set(names)) == 4


def test_runs_that_differ_in_what_no_field_holds_are_members_of_their_own():
    """Seeds of one member share the hash of its identity; runs of another EMA have another."""
    curves = [toy(LEARNT, seed=seed, member_id=ema) for seed in (0, 1) for ema in ("ema5", "ema50")]
    frontier = trace(curves, test_tokens=1e6)
    assert [member.seeds for member in frontier.all_members] == [2, 2]
    assert [member.name for member in frontier.all_members] == ["N1000 #1", "N1000 #2"]
