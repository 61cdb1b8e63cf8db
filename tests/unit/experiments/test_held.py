"""Stores that hold another experiment, by their config or by the result that lies in them."""

import json
from pathlib import Path

import pytest
import yaml

from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.experiments.definition import SIZES, load, names
from epiplexity_jax.experiments.held import RESULT, differing_section, refuse_another
from epiplexity_jax.sweep.config import parse_sweep
from tests.unit.store.stored import make_store

PAIRS = load("pairs")


def config_of(name: str, size: str, **changes) -> str:
    return yaml.safe_dump(parse_sweep(load(name).config(size)).to_plain() | changes)


@pytest.fixture
def folder(tmp_path) -> Path:
    make_store(tmp_path / "store", config_of("pairs", "smoke"))
    return tmp_path / "store"


def test_a_folder_without_a_store_and_the_experiments_own_are_let_through(folder, tmp_path):
    refuse_another(PAIRS, "smoke", tmp_path / "none")
    refuse_another(PAIRS, "smoke", tmp_path)
    refuse_another(PAIRS, "smoke", folder)


def test_the_store_of_a_stopped_run_is_known_by_its_config(folder):
    assert not (folder / RESULT).exists()
    with pytest.raises(StoreError, match="holds the experiment pairs at size smoke; give another"):
        refuse_another(PAIRS, "small", folder)
    with pytest.raises(StoreError, match="holds the experiment pairs at size smoke; give another"):
        refuse_another(load("emergence"), "smoke", folder)


def test_a_store_of_an_earlier_version_is_known_by_its_result(folder):
    (folder / "sweep.yaml").write_text(config_of("pairs", "smoke", seed=7), encoding="utf-8")
    (folder / RESULT).write_text(json.dumps({"experiment": "pairs", "size": "smoke"}), "utf-8")
    refuse_another(PAIRS, "smoke", folder)
    with pytest.raises(StoreError, match="holds the experiment pairs at size smoke"):
        refuse_another(load("lorenz"), "smoke", folder)


@pytest.mark.parametrize("result", [None, "{", '"text"'])
def test_a_sweep_that_nothing_names_must_have_the_sources(folder, result):
    (folder / "sweep.yaml").write_text(config_of("pairs", "smoke", seed=7), encoding="utf-8")
    if result is not None:
        (folder / RESULT).write_text(result, encoding="utf-8")
    refuse_another(PAIRS, "smoke", folder)
    with pytest.raises(StoreError, match="holds other sources than those of lorenz, "):
        refuse_another(load("lorenz"), "smoke", folder)


def test_no_two_experiments_or_sizes_have_the_same_sweep():
    sized = [(name, size) for name in names() for size in SIZES]
    for name, size in sized:
        stored = parse_sweep(load(name).config(size)).to_plain()
        same = [one for one in sized if differing_section(load(one[0]), one[1], stored) is None]
        assert same == [(name, size)]
