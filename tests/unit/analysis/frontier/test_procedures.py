import itertools

import numpy as np
import pytest

from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.frontier import procedures
from epiplexity_jax.analysis.frontier.traced import Traced, envelope
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.frontier.made import TEST, law_sweep


def naive_hull(x, y):
    """Points that no segment between two others reaches or passes below."""
    kept = []
    for i in range(len(x)):
        below = any(
            x[a] < x[i] < x[b]
            and y[a] + (y[b] - y[a]) * (x[i] - x[a]) / (x[b] - x[a]) <= y[i] + 1e-12
            for a, b in itertools.permutations(range(len(x)), 2)
        )
        if not below:
            kept.append(i)
    return kept


@pytest.mark.parametrize("seed", range(10))
def test_lower_hull_equals_the_naive_one(seed):
    generator = np.random.default_rng(seed)
    x, y = np.sort(generator.uniform(size=24)), generator.standard_normal(24)
    assert procedures.lower_hull(x, y).tolist() == naive_hull(x, y)


def test_lower_hull_drops_collinear_points_and_keeps_the_last_of_equal_abscissae():
    x, y = np.array([0.0, 0.0, 1.0, 2.0]), np.array([5.0, 4.0, 2.0, 0.0])
    assert procedures.lower_hull(x, y).tolist() == [1, 3]


def test_hull_of_envelope_is_the_falling_part_of_the_hull_in_logarithms():
    generator = np.random.default_rng(3)
    time = np.sort(10.0 ** generator.uniform(8, 12, 40))
    mdl = 1e6 * time**-0.1 * np.exp(0.2 * generator.uniform(size=40))
    x, y = np.log(time), np.log(mdl)
    expected = [i for i in naive_hull(x, y) if i <= int(np.argmin(mdl))]
    assert procedures.hull_of_envelope(time, mdl).tolist() == expected


def test_hull_median_takes_one_point_a_run_with_the_untrained_as_their_own():
    # Linear hull by hand: every point but the one at time 5 is a vertex.
    time = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0])
    mdl = np.array([100.0, 70.0, 50.0, 38.0, 37.0, 25.0, 20.0])
    run = np.array([-1, 0, 0, 0, 0, 1, 1])
    assert procedures.hull_median(time, mdl, run).tolist() == [0, 2, 5]


def test_a_registered_procedure_is_chosen_by_its_name(monkeypatch):
    monkeypatch.setattr(procedures.PROCEDURES, "_values", dict(procedures.PROCEDURES._values))
    with pytest.raises(ConfigError, match="frontier: unknown procedure 'ends'"):
        trace(law_sweep(), test_tokens=TEST, procedure="ends")

    def ends(members):
        return Traced(members, lambda time, mdl, run: envelope(mdl)[[0, -1]])

    procedures.PROCEDURES.register("ends", ends)
    found = trace(law_sweep(), test_tokens=TEST, procedure="ends")
    assert found.setting.procedure == "ends"
    assert found.vertices.size == 2
    with pytest.raises(ConfigError, match="procedure 'ends' is taken by another"):
        procedures.PROCEDURES.register("ends", procedures.raw)


@pytest.mark.parametrize("name", ["hull", "Raw", ""])
def test_an_unknown_procedure_is_refused_and_not_taken_for_raw(name):
    with pytest.raises(
        ConfigError, match=f"frontier: unknown procedure '{name}'.*Known: fitted, hull-med"
    ):
        procedures.PROCEDURES.find(name, "frontier")
