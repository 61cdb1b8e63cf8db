"""Stores of one family are ranked together; others are observers whose orders compare."""

import json

import pytest

from epiplexity_jax.analysis.ranking.observers import Measured, other_choices, rankings_of
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.frontier.made import law_sweep
from tests.unit.analysis.ranking.made import flat, middle, source

A, B = {"less": source(1)}, {"more": source(3, share=2.0)}


def budget():
    return middle(source(1), source(3, share=2.0))


def test_stores_of_one_family_with_other_sources_are_one_observer():
    found = rankings_of([Measured("x", "mlp", A), Measured("y", "mlp", B)], "S", [budget()])
    (ranking,) = found.rankings
    assert ranking.observer == "mlp"
    assert ranking.sources == ["less", "more"]
    assert list(found.to_json()) == ["rank", "differences", "changes"]
    assert json.dumps(found.to_json())


def test_stores_with_the_same_sources_and_other_families_are_observers_of_their_own():
    both = A | B
    turned = {"less": B["more"], "more": A["less"]}
    stores = [Measured("x", "mlp", both), Measured("y", "mlp", turned), Measured("z", "rnn", both)]
    found = rankings_of(stores, "S", [budget()])
    assert [one.observer for one in found.rankings] == ["mlp, x", "mlp, y", "rnn"]
    assert {(c.observer, c.elsewhere) for c in found.changes} == {
        *(("mlp, x", "mlp, y"), ("mlp, y", "rnn")),
    }


def test_alternatives_are_those_that_all_stores_have():
    x = Measured("x", "mlp", A, {"floor raw": A, "variant online": A})
    y = Measured("y", "mlp", B, {"floor raw": B})
    (ranking,) = rankings_of([x, y], "S", [budget()]).rankings
    assert list(ranking.alternatives) == ["floor raw"]
    assert list(ranking.alternatives["floor raw"]) == ["less", "more"]


@pytest.mark.parametrize("stores", [[Measured("x", "mlp", A), Measured("z", "rnn", B)]])
def test_one_source_by_each_observer_is_no_order(stores):
    with pytest.raises(ConfigError, match="observer 'mlp' measured less alone") as refused:
        rankings_of(stores, "S", [1e12])
    assert "\n" not in str(refused.value)


def test_other_choices_change_one_thing_at_a_time():
    curves = law_sweep()
    assert other_choices(curves, [source(1)]) == {}
    assert other_choices(curves, []) == {}
    assert flat(0).variant == "paired"
