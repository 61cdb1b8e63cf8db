"""Lengths at the end of training: against the store's own rows, with honest intervals."""

import math

import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.experiments.measured import Measured
from tests.unit.store.stored import make_law_store, make_store

SEQUENCES = 500.0


def of(store, sources=None, seeds=2):
    runs = epx.load(store.path)
    named = sources or runs.sources
    config = {"sources": dict.fromkeys(named, {}), "family": {"seeds": seeds}}
    return Measured(runs, SEQUENCES, config)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return of(make_law_store(tmp_path_factory.mktemp("s") / "law"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return of(make_store(tmp_path_factory.mktemp("s") / "two"))


def test_labels_of_a_sequence_come_from_the_rows(measured):
    (source,) = measured.sources
    row = measured.runs.rows(1.0)[0]
    labels = row["label_tokens_per_step"] / row["batch_size"]
    assert measured.labels(source) == pytest.approx(labels, rel=1e-6)
    with pytest.raises(ConfigError, match="another: the store has no run"):
        measured.labels("another")


def test_the_ending_is_the_size_with_the_shortest_code(measured):
    (source,) = measured.sources
    tokens = SEQUENCES * measured.labels(source)
    rows = measured.runs.rows(tokens)
    by_size = {}
    for row in rows:
        by_size.setdefault(row["size"], []).append(row["mdl_bits"])
    best = min(by_size, key=lambda size: np.mean(by_size[size]))
    assert measured.ending(source).size == best
    # The frontier estimates the floor from all members; a row has its own alone.
    assert measured.bits(source, "mdl").value == pytest.approx(np.mean(by_size[best]), rel=0.03)


def test_parts_add_up_and_sequences_divide(measured):
    (source,) = measured.sources
    parts = [measured.bits(source, part).value for part in ("model", "data", "mdl")]
    assert parts[0] + parts[1] == pytest.approx(parts[2])
    per = measured.per_sequence(source, "data")
    assert per.value == pytest.approx(parts[1] / SEQUENCES)


def test_the_interval_is_students_over_seeds_at_least(measured):
    (source,) = measured.sources
    seeds = measured.ending(source).seeds["data"]
    found = measured.bits(source, "data")
    t = {2: 12.706, 3: 4.303}[seeds.size]
    half = t * seeds.std(ddof=1) / math.sqrt(seeds.size)
    assert (found.high - found.low) / 2 >= half * 0.999


def test_a_source_differs_from_itself_by_nothing(pair):
    one, two = pair.sources
    same = pair.difference(one, one, "data")
    assert same.value == 0.0
    difference = pair.difference(one, two, "data")
    apart = pair.per_sequence(one, "data").value - pair.per_sequence(two, "data").value
    assert difference.value == pytest.approx(apart)
    assert difference.low <= difference.value <= difference.high


def test_budgets_reach_as_far_as_all_sources(pair):
    assert pair.largest(*pair.sources) == min(pair.largest(name) for name in pair.sources)
    assert pair.at(pair.sources[0], pair.largest(*pair.sources)).source == pair.sources[0]


def test_weighted_sums_pair_seeds(pair):
    one, two = pair.sources
    found = pair.combined({one: 2.0, two: -1.0}, "data")
    parts = [pair.per_sequence(name, "data").value for name in (one, two)]
    assert found.value == pytest.approx(2.0 * parts[0] - parts[1])
    doubled = pair.combined({one: 2.0}, "data")
    single = pair.per_sequence(one, "data")
    assert doubled.high - doubled.low == pytest.approx(2.0 * (single.high - single.low))


def test_the_entropy_rate_is_that_of_the_source(pair):
    rates = {row["source"]: row["entropy_rate_nats"] for row in pair.runs.rows(1.0)}
    for name in pair.sources:
        expected = rates[name]
        found = pair.entropy_rate(name)
        if expected is None:
            assert found is None
        else:
            assert found == pytest.approx(expected / math.log(2) * pair.labels(name))


def test_sources_that_the_config_does_not_name_are_left_out(pair):
    one = pair.sources[0]
    alone = Measured(pair.runs, SEQUENCES, {"sources": {one: {}}, "family": {"seeds": 2}})
    assert alone.sources == [one]


def test_seeds_are_paired_only_where_none_is_lost(pair):
    """With more seeds in the config than runs, places say nothing of seeds."""
    one, two = pair.sources
    config = {"sources": {one: {}, two: {}}, "family": {"seeds": 3}}
    unpaired = Measured(pair.runs, SEQUENCES, config).difference(one, two, "data")
    paired = pair.difference(one, two, "data")
    assert unpaired.value == pytest.approx(paired.value)
    halves = [
        (e.high - e.low) / 2 for e in (pair.per_sequence(name, "data") for name in (one, two))
    ]
    assert (unpaired.high - unpaired.low) / 2 == pytest.approx(math.hypot(*halves), rel=0.2)


def test_steps_to_a_loss_are_those_of_the_record_point(measured):
    (source,) = measured.sources
    (member,) = (
        m for m in measured.frontier(source).all_members if m.name == measured.ending(source).size
    )
    losses = member.data_seeds / SEQUENCES
    target = float(losses[:, 3].max())
    expected = np.mean([member.steps[row <= target][0] for row in losses])
    assert measured.steps_to(source, target).value == expected
    assert math.isnan(measured.steps_to(source, 0.0).value)


def test_two_sources_are_compared_as_rank_does(pair):
    one, two = pair.sources
    top = pair.largest(one, two)
    found = pair.compared(one, two, top)
    tokens = {name: SEQUENCES * pair.labels(name) for name in (one, two)}
    assert len(set(tokens.values())) == 1
    (order,) = pair.runs.rank(tokens[one], [top]).rankings[0].orders
    ranked = order.of(one, two)
    assert (found.difference, found.larger) == (pytest.approx(ranked.difference), ranked.larger)
    expected = pair.at(one, top).epiplexity_bits - pair.at(two, top).epiplexity_bits
    assert found.difference == pytest.approx(expected)


def test_a_budget_that_is_the_best_of_many_has_the_wider_interval(pair):
    one, two = pair.sources
    compute = 0.3 * pair.largest(one, two)  # where the upper side is closed
    single, many = (
        pair.compared(one, two, compute, looks=looks).difference_interval for looks in (1, 20)
    )
    assert many[1] > single[1]


def test_losses_half_way_are_those_of_the_largest_size_paired_by_seed(pair):
    one, two = pair.sources
    step, found = pair.half_way(one, two)
    first, second = (
        max(pair.frontier(name).all_members, key=lambda member: member.params)
        for name in (one, two)
    )
    place = list(first.steps).index(step)
    assert 0.3 < step / first.steps[-1] < 0.7
    seeds = (first.data_seeds - second.data_seeds)[:, place] / SEQUENCES
    assert found.value == pytest.approx(seeds.mean())
    assert found.low < found.value < found.high
    assert pair.half_way(one, one)[1].value == 0.0
