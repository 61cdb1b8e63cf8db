"""Recipes that a store has found are those of the very same config alone."""

import pytest
import yaml

from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.found_recipes import with_found_recipes

PLAIN = {
    "sources": {"a": {"kind": "noise", "length": 8}},
    "family": {"kind": "transformer", "widths": [8], "depths": [1]},
    "training": {"steps": 7},
    "heldout": {"tokens": 1000},
}
FOUND = {
    "a": {
        **{"learning_rate": 0.5, "warmup_steps": 3, "batch_size": 4},
        **{"steps": 7, "ema_growth": 0.1},
    }
}


@pytest.fixture
def store(tmp_path):
    """A store whose config has recipes that were found."""
    stored = parse_sweep({**PLAIN, "recipes": FOUND})
    folder = Store.open(tmp_path / "store", create=True)
    folder.path.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(stored.to_plain())
    (folder.path / "sweep.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_same_config_takes_what_was_found(store):
    assert (
        with_found_recipes(parse_sweep(PLAIN), store).recipes
        == parse_sweep({**PLAIN, "recipes": FOUND}).recipes
    )


def test_another_config_takes_nothing(store):
    other = parse_sweep({**PLAIN, "training": {"steps": 8}})
    assert with_found_recipes(other, store) == other


def test_no_store_an_empty_one_and_a_damaged_config_change_nothing(store, tmp_path):
    sweep = parse_sweep(PLAIN)
    assert with_found_recipes(sweep, None) == sweep
    assert with_found_recipes(sweep, Store.open(tmp_path / "new", create=True)) == sweep
    (store.path / "sweep.yaml").write_text("sources: [", encoding="utf-8")
    assert with_found_recipes(sweep, store) == sweep
