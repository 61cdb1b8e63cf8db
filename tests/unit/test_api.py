"""The Python interface: what it lists, what it plans and what it refuses."""

from pathlib import Path

import jax
import pytest
import yaml

import epiplexity_jax as epx
from epiplexity_jax import api
from epiplexity_jax.runtime.devices import jax_settings
from epiplexity_jax.sweep.config import Recipe, parse_sweep
from epiplexity_jax.sweep.config_file import read_config

CONFIG = """
sources: {noise: {kind: noise, vocab_size: 4, length: 16}}
family: {kind: ngram, orders: [0, 1], seeds: 1}
recipe: fixed
training: {steps: 8, batch_size: 4}
heldout: {tokens: 2048}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def test_the_default_store_has_the_name_of_the_config():
    assert api.default_store(Path("configs/eca.yaml")) == Path("runs/eca")


def test_kinds_and_devices_are_listed():
    assert {"noise", "text"} <= {kind["kind"] for kind in api.sources()}
    assert {"ngram", "transformer"} <= {kind["kind"] for kind in api.families()}
    assert [device["id"] for device in api.devices()] == [d.id for d in jax.devices()]


def test_a_dry_run_times_the_plan_and_writes_nothing(config, tmp_path):
    plan = api.plan_config(config, ["training.steps=4"], tmp_path / "store")
    assert (plan.summary["runs"], plan.summary["steps"]) == (2, 4)
    assert plan.summary["wall_seconds"] > 0
    assert not (tmp_path / "store").exists()


def test_a_dry_run_knows_the_recipes_that_its_store_has_found(tmp_path):
    path, store = tmp_path / "tuned.yaml", tmp_path / "store"
    family = "family: {kind: transformer, widths: [4], depths: [1], seeds: 1}\n"
    path.write_text(
        family + "sources: {noise: {kind: noise, vocab_size: 4, length: 8}}\n"
        "training: {steps: 4}\nheldout: {tokens: 2048}\nfrontier: {test_tokens: 1.0e4}\n"
    )
    api.run_config(path, ["recipe=fixed"], store, api.Silent())
    before = api.plan_config(path, [], store).summary
    assert before["tuning_flops"] > 0
    found = parse_sweep(read_config(path))
    recipe = Recipe(learning_rate=0.03, warmup_steps=100, batch_size=64, ema_growth=0.1, steps=4)
    found = found.model_copy(update={"recipes": {"noise": recipe}})
    (store / "sweep.yaml").write_text(yaml.safe_dump(found.to_plain()))
    after = api.plan_config(path, [], store).summary
    assert (after["tuning_flops"], after["finished"]) == (0, 1)
    other = api.plan_config(path, ["seed=1"], store).summary
    assert other["tuning_flops"] == before["tuning_flops"]


def test_a_config_is_trained_and_its_runs_are_loaded(config, tmp_path):
    runs = api.run_config(config, [], tmp_path / "store", api.Silent())
    assert len(runs.rows(1e6)) == len(api.load(tmp_path / "store").rows(1e6)) == 2


def test_steps_win_over_those_of_the_training(tmp_path):
    runs = api.run(
        epx.sources.Noise(vocab_size=4, length=8),
        epx.families.Ngram(orders=(0,), seeds=1),
        recipe="fixed",
        store=tmp_path / "store",
        steps=3,
        training=epx.Training(steps=50, batch_size=4),
    )
    assert [(row["source"], row["steps"], row["batch_size"]) for row in runs.rows(1e6)] == [
        ("source", 3, 4)
    ]


def test_a_tracker_that_cannot_be_opened_is_named_by_its_place(config, tmp_path, monkeypatch):
    def missing(config):
        raise epx.ConfigError("needs a package")

    monkeypatch.setattr(api, "open_tracker", missing)
    with pytest.raises(epx.ConfigError, match=r"^trackers\.0: needs a package$"):
        api.run_config(config, ["trackers=[jsonl]"], tmp_path / "store", api.Silent())
    with pytest.raises(epx.ConfigError, match=r"^trackers\.0: "):
        api.plan_config(config, ["trackers=[jsonl]"], tmp_path / "store")


def test_settings_of_random_numbers_move_no_run(tmp_path):
    """A run id names one stream of data and one beginning, whatever the host has set."""

    def train(name):
        return api.run(
            epx.sources.Markov(vocab_size=4, length=8),
            epx.families.Mlp(widths=(8,), depths=(1,), window=4, seeds=1),
            store=tmp_path / name,
            steps=3,
            training=epx.Training(batch_size=8),
            heldout=epx.Heldout(tokens=2048),
        )

    (plain,) = train("plain").rows(1e6)
    changed = {
        "jax_default_prng_impl": "rbg",
        "jax_enable_x64": True,
        "jax_random_seed_offset": 7,
        "jax_threefry_partitionable": False,
    }
    with jax_settings(changed):
        (other,) = train("other").rows(1e6)
        assert {name: getattr(jax.config, name) for name in changed} == changed
    for name in ("run_id", "heldout_loss_nats", "model_bits", "data_bits"):
        assert other[name] == plain[name]
