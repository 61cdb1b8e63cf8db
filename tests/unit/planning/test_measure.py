"""A measurement: noise teaches nothing, words more than their letters; it is trained once."""

import json
import math

import pytest

from epiplexity_jax import api
from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.planning import measure as module
from epiplexity_jax.planning.measure import (
    config_file,
    control_of,
    run_measure,
    store_name,
    time_sentence,
)
from epiplexity_jax.planning.sizes import SizeCost
from epiplexity_jax.sweep.config_file import read_config
from epiplexity_jax.sweep.progress import Silent
from tests.unit.planning.conftest import ARGUMENTS


class Messages(Silent):
    def __init__(self):
        self.said = []
        self.trained = 0

    def message(self, text):
        self.said.append(text)

    def run_done(self, row):
        self.trained += 1


def test_noise_teaches_nothing_and_words_more_than_their_letters(measured):
    found = {one.source: one for one in measured.results}
    assert list(found) == ["words.txt", "words.txt, shuffled", "noise"]
    assert found["noise"].status == "untrained"
    assert found["words.txt"].epiplexity_bits > found["words.txt, shuffled"].epiplexity_bits > 0
    assert found["words.txt"].entropy_bits < 0.9 * found["words.txt, shuffled"].entropy_bits
    assert found["words.txt"].test_tokens == 40_000
    assert not measured.interrupted


def test_every_member_has_the_rate_of_its_source(measured):
    rates = {row["source"]: row["learning_rate"] for row in measured.runs.rows()}
    assert len(set(rates.values())) == 1
    assert {one.source for one in measured.rates} == {"words.txt"}


def test_the_same_call_trains_nothing_again(measured, folder):
    progress = Messages()
    again = api.measure(
        folder / "words.txt", store=folder / "store", progress=progress, **ARGUMENTS
    )
    assert progress.trained == 0
    assert [one.to_json() for one in again.results] == [one.to_json() for one in measured.results]


def test_the_config_repeats_it_without_training(measured, folder):
    config = config_file(folder / "store")
    assert measured.config == config
    assert read_config(config)["grid"].keys() == {one.source for one in measured.results}
    progress = Messages()
    runs = api.run_config(config, [], folder / "store", progress)
    assert progress.trained == 0
    before = [one.epiplexity_bits for one in measured.results]
    assert [one.epiplexity_bits for one in runs.decompositions()] != []
    assert {one.epiplexity_bits for one in runs.decompositions()} == set(before)
    assert runs.recipes() == measured.runs.recipes() != []


def test_an_interrupt_gives_the_answer_so_far(measured, folder, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "run_measure", stopped)
    answer = api.measure(folder / "words.txt", store=folder / "store", **ARGUMENTS)
    assert (answer.interrupted, answer.complete) == (True, False)
    assert len(answer.results) == 3
    with pytest.raises(KeyboardInterrupt):
        api.measure(folder / "words.txt", store=folder / "other", **ARGUMENTS)


def test_stores_are_named_after_the_question():
    one, other = ({"minutes": m} for m in (1, 2))
    assert store_name(one, "x") == store_name(dict(one), "x") != store_name(other, "x")
    assert store_name(one, "x").startswith("measure-x-")


def test_a_time_that_is_short_says_how_much_would_be_enough():
    sizes = [SizeCost(f"width {width}", width, 6.0 * width, 2.0 * width) for width in (8, 16)]
    said = time_sentence(240.0, 200.0, sizes, 5e5)
    assert said == "4 min are enough for 2 sizes, width 8 to width 16, and 5e+05 test tokens"
    said = time_sentence(30.0, 9000.0, sizes[:1], 5e5)
    assert said == (
        "30 s are hardly enough for one size, width 8, and 5e+05 test tokens; about 2 h 30 min "
        "would be"
    )


def test_a_budget_that_no_size_can_spend_is_refused_before_training(folder, tmp_path):
    for budget, reason in ((1e30, "more than the largest size"), (1.0, "too few")):
        asked = ARGUMENTS | {"budgets": [budget]}
        with pytest.raises(ConfigError, match=f"budgets: .*{reason}"):
            api.measure(folder / "words.txt", store=tmp_path / "store", **asked)
    assert not config_file(tmp_path / "store").exists()
    with pytest.raises(StoreError):
        api.load(tmp_path / "store")


def test_controls_are_known_by_their_names():
    assert [control_of(name) for name in ("noise", "a, shuffled", "a")] == ["", "a", None]
    assert module.DEFAULT_LENGTH == 64
    assert callable(run_measure)
    assert math.isfinite(module.DEFAULT_MINUTES)


def test_the_answer_is_plain_values(measured):
    document = measured.to_json()
    assert json.loads(json.dumps(document, default=float))["controls"] == [
        "words.txt, shuffled",
        "noise",
    ]
    assert {"frontier", "differences", "rates", "advice", "config"} <= set(document)


def test_noise_reads_no_more_than_the_sources_do():
    grid = {"a": {"w8": 10.0}, "b": {"w8": 20.0}, "noise": {"w8": 1e9, "w16": 5.0}}
    assert module._with_short_controls(grid)["noise"] == {"w8": 20.0, "w16": 5.0}
    assert module._with_short_controls({"noise": {"w8": 1e9}}) == {"noise": {"w8": 1e9}}
