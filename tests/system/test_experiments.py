"""Every experiment at its smallest size, and a few steps of its published one."""

import copy
import math

import pytest

from epiplexity_jax import api
from epiplexity_jax.experiments.definition import load, names
from epiplexity_jax.experiments.page import page_text, write_pages
from epiplexity_jax.experiments.perform import (
    RESULT,
    plan_experiment,
    read_result,
    run_experiment,
)
from tests.unit.experiments.user_data import folder_of_user_data

LARGEST = {"rule_order", "tic_tac_toe"}
"""Experiments whose largest published member takes its steps; of the others it is the smallest."""

ELSEWHERE = {"natural": {"board_first", "moves_first", "noise", "cipher"}}
"""Sources whose kinds take their steps in other experiments."""


@pytest.fixture(scope="module")
def user_data(tmp_path_factory):
    return folder_of_user_data(tmp_path_factory)


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_smoke(name, tmp_path, user_data, monkeypatch):
    monkeypatch.chdir(user_data)
    result = run_experiment(name, "smoke", tmp_path / "store")
    values = result.findings.values
    assert values
    assert all(math.isfinite(value.estimate.value) for value in values)
    assert len({value.name for value in values}) == len(values), "names are unique"
    assert result.findings.checks
    again = read_result(tmp_path / "store" / RESULT)
    assert page_text(again) == page_text(result)
    written = write_pages([again], tmp_path / "pages")
    assert all(path.stat().st_size > 0 for path in written)


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_the_published_size_can_be_planned(name, tmp_path, user_data, monkeypatch):
    """Sources are tiny where users bring them, so their steps are those that these hold.

    `test_definition` counts whether the data that are asked for suffice for the published steps.
    """
    monkeypatch.chdir(user_data)
    if load(name).needed("paper"):
        _shorten_steps(name, monkeypatch)
    summary = plan_experiment(name, "paper", tmp_path / "store").summary
    family = load(name).config("paper")["family"]
    sizes = len(family["widths"]) * len(family["depths"]) * family["seeds"]
    assert summary["runs"] == sizes * len(load(name).config("paper")["sources"])
    assert summary["finished"] == 0


def _one_of_each_kind(sources):
    """The first of the sources that have the same kind and the same keys, maps of maps alike."""

    def shape(source):
        nested = source.get("source", {})
        return source["kind"], tuple(sorted(source)), *(shape(nested) if nested else ())

    first = {}
    for name, source in sources.items():
        first.setdefault(shape(source), (name, source))
    return dict(first.values())


def _shorten_steps(name, monkeypatch):
    """Make an experiment's published size take two steps of a small batch."""
    experiment = load(name)
    plain = copy.deepcopy(experiment.model_dump())
    plain["sizes"]["paper"]["sweep"]["training"] |= {"steps": 2, "batch_size": 2}
    plain["sizes"]["paper"]["sweep"]["heldout"] = {"tokens": 600}
    changed = type(experiment).model_validate(plain)
    monkeypatch.setattr("epiplexity_jax.experiments.perform.load", lambda _: changed)


# Life is not in the paper, and others train the kinds of natural data: both take over a minute.
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*names()} - {"life", "natural"}))
def test_two_steps_of_the_published_size(name, tmp_path, user_data, monkeypatch):
    """Estimator and family are the published ones, sources one of each kind with its keys.

    One member is trained, on few sequences a step.
    """
    monkeypatch.chdir(user_data)
    config = copy.deepcopy(load(name).config("paper"))
    own = set(config["sources"]) - ELSEWHERE.get(name, set())
    config["sources"] = _one_of_each_kind({n: s for n, s in config["sources"].items() if n in own})
    take = max if name in LARGEST else min
    config["family"] |= {key: [take(config["family"][key])] for key in ("widths", "depths")}
    config["family"]["seeds"] = 1
    config["training"] = {**config["training"], "steps": 2, "batch_size": 2, "warmup_steps": 1}
    config["recipe"] = "fixed"  # a search trains for more than two steps
    config["heldout"] = {"tokens": 600, "record_tokens": 600}
    runs = api.run_plain(config, tmp_path / "store", api.Silent())
    rows = runs.rows(1.0)
    assert {row["source"] for row in rows} == set(config["sources"])
    assert {row["status"] for row in rows} == {"finished"}
    for source in config["sources"]:
        frontier = runs.frontier(1e6, source)
        assert math.isfinite(frontier.at(frontier.largest_compute).mdl_bits)
