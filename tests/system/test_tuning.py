"""A recipe is tuned before the members train: shorter codes, trained once, noise stays noise."""

import json

import pytest
from typer.testing import CliRunner

from epiplexity_jax import api
from epiplexity_jax.cli.app import app
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.plan import TUNING_SEED
from tests.oracles.comparing import assert_lengths_are_plain
from tests.system.sweeps import Listener, histories

CONFIG = """
sources:
  chain: {kind: markov, vocab_size: 8, length: 32}
  noise: {kind: noise, vocab_size: 8, length: 32}
family: {kind: transformer, widths: [8, 16], depths: [1], seeds: 2}
training: {steps: 96, batch_size: 16}
heldout: {tokens: 16384}
frontier: {test_tokens: 1.0e6}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("tuning") / "config.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def store(config):
    return config.parent / "tuned"


@pytest.fixture(scope="module")
def runs(config, store):
    return api.run_config(config, [], store, Listener())


def least(runs, source, **how):
    return min(d.mdl_bits for d in runs.decompositions(sources=[source], **how))


def test_the_tuned_recipe_codes_in_fewer_bits_than_the_published_one(config, store, runs):
    fixed = api.run_config(config, ["recipe=fixed"], config.parent / "fixed", Listener())
    assert least(runs, "chain") < 0.99 * least(fixed, "chain")
    (last, *_) = reversed(fixed.decompositions(sources=["chain"]))
    assert last.recipe.kind == "fixed"
    assert (last.recipe.values["learning_rate"], last.recipe.tried) == (0.03, 1)


def test_noise_stays_untrained(runs):
    found = runs.decompositions(sources=["noise"])
    assert {str(d.status) for d in found} == {"untrained"}
    assert {d.recipe.values["learning_rate"] for d in found} == {0.03}


def test_members_train_by_the_recipe_with_seeds_of_their_own(store, runs):
    recipe = Store.open(store).config()["recipes"]["chain"]
    rows = [row for row in runs.rows(tuning=True) if row["source"] == "chain"]
    members = [row for row in rows if row["role"] == "member"]
    trials = [row for row in rows if row["role"] == "tuning"]
    assert len(members) == 4
    assert len(trials) >= recipe["tried"] > 10
    assert {row["seed"] - TUNING_SEED for row in trials} == {0, 1, 2}
    confirmed = {row["learning_rate"] for row in trials if row["seed"] > TUNING_SEED}
    assert recipe["learning_rate"] in confirmed
    assert len(confirmed) <= 3
    assert {row["seed"] for row in members} == {0, 1}
    for name in ("learning_rate", "warmup_steps", "batch_size", "ema_growth", "steps"):
        assert {row[name] for row in members} == {recipe[name]}
    assert {row["recipes"] for row in members} == {recipe["tried"]}
    assert not any(row["role"] == "tuning" for row in runs.rows())
    assert {curve.seed for curve in runs.curves("chain")} == {0, 1}


def test_the_lengths_of_a_tuned_sweep_are_those_of_the_plain_program(store, runs):
    """Without the trials, and with the price of naming one recipe of many."""
    assert_lengths_are_plain(runs, store, 1e6)


def test_the_result_has_the_neighbours_of_the_recipe(runs):
    recipe = runs.decompositions(sources=["chain"])[-1].to_json()["recipe"]
    changed = [next(iter(one)) for one in recipe["neighbours"]]
    assert sorted(changed) == sorted(2 * ["learning_rate", "ema_growth"] + ["warmup_steps"])
    assert all(one["mdl_change"] > -1e-3 for one in recipe["neighbours"])
    assert recipe["spent_flops"] > 0.0


def test_a_second_start_trains_nothing_and_chooses_the_same(config, store, runs):
    before, listener = histories(store), Listener()
    configs = sorted((store / "sweeps").iterdir())
    again = api.run_config(config, [], store, listener)
    assert listener.member_steps == 0
    assert histories(store) == before
    assert [d.to_json() for d in again.decompositions()] == [
        d.to_json() for d in runs.decompositions()
    ]
    assert sorted((store / "sweeps").iterdir()) == configs


def test_the_stores_config_trains_the_same_runs_without_tuning(config, store, runs):
    listener, other = Listener(), config.parent / "again"
    again = api.run_config(store / "sweep.yaml", [], other, listener)
    assert {row["run_id"] for row in again.rows()} == {row["run_id"] for row in runs.rows()}
    assert len(listener.done) == len(again.rows())


@pytest.mark.slow
def test_tuning_that_was_stopped_goes_on(config, store, runs):
    class Stopping(Listener):
        def run_done(self, row):
            super().run_done(row)
            if len(self.done) == 5:
                raise KeyboardInterrupt

    other = config.parent / "stopped"
    with pytest.raises((KeyboardInterrupt, Interrupted)):
        api.run_config(config, [], other, Stopping())
    kept = histories(other)
    assert kept
    again = api.run_config(config, [], other, Listener())
    assert kept.items() <= histories(other).items()
    first, second = (Store.open(path).config()["recipes"] for path in (store, other))
    assert first == second
    assert len(again.rows()) == len(runs.rows())


def test_the_commands_print_recipes_and_what_tuning_costs(config, store, runs):
    def call(*words):
        done = CliRunner().invoke(app, [*map(str, words)])
        assert done.exit_code == 0, done.output
        return done.stdout

    table = call("frontier", store, "--recipe-table")
    assert table.count("chosen") == 3  # the heading, and one of each source
    rows = json.loads(call("frontier", store, "--recipe-table", "--json"))["recipe_table"]
    assert sum(row["chosen"] for row in rows) == 2
    listed = json.loads(call("runs", store, "--json"))["runs"]
    assert len(json.loads(call("runs", store, "--tuning", "--json"))["runs"]) > len(listed) == 8
    printed = json.loads(call("frontier", store, "--json"))["frontier"]
    assert {one["recipe"]["kind"] for one in printed} == {"tuned"}
