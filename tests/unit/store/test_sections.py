"""Sections of a stored config, which anybody may have edited."""

from pathlib import Path

import pytest

from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.store.sections import sections_of

FILE = Path("store") / "sweep.yaml"
RECIPE = {"learning_rate": 0.1, "warmup_steps": 0, "max_kl": None}


def test_sections_that_are_missing_are_empty():
    assert sections_of({"frontier": None}, FILE) == ({}, {}, {})


def test_sections_are_given_back():
    config = {"frontier": {"compute": [1e9]}, "estimator": {"kind": "x"}, "recipes": {"a": RECIPE}}
    assert sections_of(config | {"seed": 1}, FILE) == tuple(config.values())


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"frontier": 3}, "frontier: expected a mapping, got 3"),
        ({"frontier": {"compute": 5}}, "frontier.compute: expected a list of positive numbers"),
        ({"frontier": {"compute": ["abc"]}}, "frontier.compute: expected a list of positive"),
        ({"frontier": {"compute": [-1.0]}}, "frontier.compute: expected a list of positive"),
        ({"frontier": {"test_tokens": "x"}}, "frontier.test_tokens: expected a positive number"),
        ({"frontier": {"test_tokens": True}}, "frontier.test_tokens: expected a positive number"),
        ({"estimator": "prequential"}, "estimator: expected a mapping"),
        ({"recipes": "foo"}, "recipes: expected a mapping, got"),
        ({"recipes": {"a": "foo"}}, "recipes.a: expected a mapping, got"),
        ({"recipes": {"a": RECIPE | {"learning_rate": "x"}}}, "recipes.a.learning_rate: expected"),
    ],
)
def test_what_cannot_be_read_is_named(config, said):
    with pytest.raises(StoreError) as refused:
        sections_of(config, FILE)
    assert str(refused.value).startswith(f"{FILE}: {said}")
