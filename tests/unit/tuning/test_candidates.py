"""Where a search begins, and what is next to a recipe."""

import pytest

from epiplexity_jax.tuning.candidates import Candidate
from tests.unit.tuning.surfaces import PUBLISHED, space


def test_the_start_covers_rates_and_batches_and_keeps_what_is_given():
    start = space().start()
    assert len(set(start)) == len(start) == 15
    rates = {one.learning_rate for one in start}
    assert min(rates) == pytest.approx(0.0075)
    assert max(rates) == pytest.approx(0.03 * 64)
    assert {one.batch_size for one in start} == {16, 64, 256}
    assert {one[1] for one in start} == {10}
    given = PUBLISHED._replace(batch_size=24, warmup_steps=50)
    only = space(given, ("learning_rate",)).start()
    assert {one[1:4] for one in only} == {(50, 24, 0.1)}
    assert space(given, ()).start() == [given]


def test_neighbours_differ_in_one_free_value():
    center = Candidate(0.12, 10, 32, 0.3)
    around = space().neighbours(center)
    changed = [
        {n: v for n, v in one._asdict().items() if v != getattr(center, n)} for one in around
    ]
    assert changed == [
        {"learning_rate": 0.06},
        {"learning_rate": 0.24},
        {"warmup_steps": 100},
        {"batch_size": 16},
        {"batch_size": 64},
        {"ema_growth": 0.03},
        {"ema_growth": 0.1},
    ]
    caps = space(free=("max_kl",)).neighbours(center)
    assert [one.max_kl for one in caps] == [0.1, 0.03]


def test_a_given_value_that_is_not_listed_has_the_listed_ones_beside_it():
    odd = PUBLISHED._replace(warmup_steps=30)
    assert [one.warmup_steps for one in space(free=("warmup_steps",)).neighbours(odd)] == [10, 100]


@pytest.mark.parametrize(
    ("options", "batches"),
    [
        ({"sequences": 64_000}, {16, 64, 256}),
        ({"sequences": 2_048}, {16, 64}),  # 256 would leave 8 steps
        ({"sequences": 64 * 2}, {64}),  # the published one is kept, however few steps it leaves
        ({"divisor": 32}, {64, 256}),
        ({"most_steps": 1500}, {64, 256}),
    ],
)
def test_batches_leave_enough_steps_and_whole_microbatches(options, batches):
    found = {one.batch_size for one in space(**options).start()}
    assert found == batches


def test_rates_go_on_beyond_the_end_of_those_tried_only():
    where = space()
    start = where.start()
    top = max(start, key=lambda one: (one.learning_rate, one.batch_size))
    low = min(start, key=lambda one: (one.learning_rate, one.batch_size))
    beyond, below = where.beyond(top, start), where.beyond(low, start)
    assert beyond == top._replace(learning_rate=4.0 * top.learning_rate)
    assert below == low._replace(learning_rate=low.learning_rate / 4.0)
    assert where.beyond(top._replace(learning_rate=0.12), start) is None
    assert space(free=("batch_size",)).beyond(PUBLISHED, [PUBLISHED]) is None
