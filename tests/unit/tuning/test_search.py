"""Successive halving and the steps after it, on surfaces whose optimum is known."""

import itertools
import math

import pytest

from epiplexity_jax.tuning.candidates import Candidate
from epiplexity_jax.tuning.search import MOST_RUNS, TOLERANCE, Trial, search
from tests.unit.tuning.surfaces import PUBLISHED, bowl, run, space, whole

RATES = [0.03 * 2.0**power for power in range(-2, 7)]
OPTIMA = [
    Candidate(rate, warmup, batch, window)
    for rate, batch in [(0.0075, 256), (0.03, 64), (0.24, 32), (0.96, 16), (1.92, 128)]
    for warmup, window in [(10, 0.3), (100, 0.03)]
]


@pytest.mark.parametrize("best", OPTIMA, ids=str)
@pytest.mark.parametrize("coupling", [0.0, 0.5])
def test_the_choice_is_within_a_percent_of_the_grid_at_a_small_part_of_its_cost(best, coupling):
    surface = bowl(best, coupling)
    chosen, cost = run(space(), surface)
    grid = itertools.product(RATES, (10, 100), (16, 64, 256), (0.03, 0.1, 0.3))
    least = min(surface(Candidate(*one)) for one in grid)
    assert surface(chosen.candidate) <= 1.01 * least
    assert cost <= MOST_RUNS <= 0.15 * 162
    assert chosen.tried == len({trial.candidate for trial in chosen.scores})


@pytest.mark.parametrize(("rate", "most"), [(30.0, 2.0), (1e-4, 2.0)])
def test_the_grid_of_rates_grows_where_its_end_is_the_best(rate, most):
    chosen, cost = run(space(), bowl(PUBLISHED._replace(learning_rate=rate, batch_size=64)))
    assert 1.0 / most <= chosen.candidate.learning_rate / rate <= most
    assert cost <= MOST_RUNS


def test_every_neighbour_of_the_choice_was_tried_over_the_whole_budget():
    where = space()
    chosen, _ = run(where, bowl(Candidate(0.12, 10, 32, 0.1)))
    own = chosen.scores[whole(chosen.candidate)]
    around = [chosen.scores[whole(one)] for one in where.neighbours(chosen.candidate)]
    assert len(around) == 7
    assert min(around) >= own * (1.0 - TOLERANCE)


def test_what_diverges_is_not_chosen_and_not_gone_beyond():
    surface = bowl(Candidate(1.92, 10, 64, 0.1))

    def cliff(one):
        return surface(one) if one.learning_rate < 0.3 else math.inf

    chosen, _ = run(space(), cliff)
    assert chosen.candidate.learning_rate == 0.24
    assert max(t.candidate.learning_rate for t in chosen.scores) == pytest.approx(1.92)


@pytest.mark.parametrize("bits", [math.inf, 1e6])
def test_where_all_are_equal_the_published_recipe_stays(bits):
    chosen, cost = run(space(), lambda one: bits)
    assert chosen.candidate == PUBLISHED
    assert {t.candidate.learning_rate for t in chosen.scores} <= {*RATES, 0.015}
    assert cost < 20


def test_differences_within_the_tolerance_choose_nothing():
    def rough(one):
        return 1e6 * (1.0 + 0.5 * TOLERANCE * math.sin(1e4 * sum(map(float, one[:4]))))

    assert run(space(), rough)[0].candidate == PUBLISHED


def test_given_values_are_kept():
    given = PUBLISHED._replace(batch_size=64, warmup_steps=7, ema_growth=0.5)
    chosen, cost = run(space(given, ("learning_rate",)), bowl(Candidate(0.24, 10, 16, 0.1)))
    assert chosen.candidate == given._replace(learning_rate=0.24)
    assert all(t.candidate._replace(learning_rate=0.03) == given for t in chosen.scores)
    assert cost < 14


def test_a_cap_is_tried_where_it_is_free():
    def capped(one):
        return bowl(PUBLISHED)(one) * (0.9 if one.max_kl == 0.03 else 1.0)

    chosen, _ = run(space(free=("learning_rate", "max_kl")), capped)
    assert chosen.candidate == PUBLISHED._replace(max_kl=0.03)


def test_a_short_trial_that_misleads_is_corrected_by_the_long_ones():
    """Small batches win early; the best batch over the whole budget is four doublings away."""
    best, early = Candidate(0.12, 10, 256, 0.1), Candidate(0.12, 10, 16, 0.1)

    def bits(trial: Trial) -> float:
        return bowl(best if trial.share == 1 else early)(trial.candidate)

    going = search(space())
    asked = next(going)
    while True:
        try:
            asked = going.send({trial: bits(trial) for trial in asked})
        except StopIteration as end:
            chosen = end.value
            break
    assert bowl(best)(chosen.candidate) <= 1.01 * bowl(best)(best)


def test_short_trials_that_always_get_better_leave_runs_for_the_whole_budget():
    """A rough surface keeps the first descent going; the choice is made over the whole budget."""
    going = search(space())
    asked, seen = next(going), 0
    while True:
        scores = {}
        for trial in asked:
            seen += 1
            scores[trial] = 1e6 if trial.share == 1 else 1e6 * 0.99**seen
        try:
            asked = going.send(scores)
        except StopIteration as end:
            chosen = end.value
            break
    assert chosen.candidate == PUBLISHED
    around = [whole(one) for one in space().neighbours(PUBLISHED)]
    assert all(trial in chosen.scores for trial in around)


def test_a_lower_rate_within_the_slack_is_taken_and_its_neighbours_are_known():
    """A flat surface whose least lies high: chance chooses among rates that are equally good."""

    def flat(one: Candidate) -> float:
        steep = max(math.log2(0.12 / one.learning_rate), 0.0) ** 2
        return 1e6 * (1.0 + 0.02 * steep - 0.005 * (one.learning_rate == 1.92))

    free = ("learning_rate",)
    best, _ = run(space(free=free), flat)
    assert best.candidate.learning_rate == 1.92
    slow, _ = run(space(free=free, slack=0.01), flat)
    assert slow.candidate.learning_rate == 0.12
    assert {whole(one) for one in space(free=free).neighbours(slow.candidate)} <= set(slow.scores)


def test_a_rate_in_between_that_is_worse_by_chance_is_passed_over():
    codes = {0.03: 1.2, 0.06: 1.1, 0.12: 1.05, 0.24: 1.004, 0.48: 1.006, 0.96: 1.03, 1.92: 1.0}
    going = space(free=("learning_rate",), slack=0.01)
    slow, _ = run(going, lambda one: 1e6 * codes.get(round(one.learning_rate, 4), 1.5))
    assert slow.candidate.learning_rate == pytest.approx(0.24)


def lucky(trial: Trial) -> float:
    """A code that one seed finds at the highest rates, and two others do not."""
    if trial.candidate.learning_rate < 1.5:
        return bowl(Candidate(0.12, 10, 64, 0.1))(trial.candidate)
    return 4e4 if trial.seeds == 1 else (4e4 + 2 * 1.5e6) / 3


def taken(where):
    """The outcome of a search whose scores depend on the number of seeds."""
    going = search(where)
    asked = next(going)
    while True:
        try:
            asked = going.send({trial: lucky(trial) for trial in asked})
        except StopIteration as end:
            return end.value


def test_the_luck_of_one_seed_chooses_nothing():
    chosen = taken(space())
    assert chosen.candidate.learning_rate == pytest.approx(0.12)
    confirmed = {trial.candidate.learning_rate for trial in chosen.scores if trial.seeds > 1}
    assert len(confirmed) == 3
    assert max(confirmed) > 1.5  # it was found, and did not stand
    ranked = sorted(confirmed)
    assert all(high / low >= 4.0 for low, high in itertools.pairwise(ranked))


def test_where_every_trial_has_several_seeds_none_is_confirmed():
    chosen = taken(space(seeds=3))
    assert {trial.seeds for trial in chosen.scores if trial.share == 1} == {3}
    assert chosen.candidate.learning_rate == pytest.approx(0.12)


def test_no_slack_goes_below_the_published_rate():
    chosen, _ = run(space(slack=0.5), lambda _: 1e6)
    assert chosen.candidate.learning_rate == PUBLISHED.learning_rate
