"""Definitions: every size of every experiment is a config that a sweep accepts."""

import pytest

from epiplexity_jax.base.config import parse
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.experiments.definition import SIZES, Experiment, load, names
from epiplexity_jax.sources.opening import open_source
from epiplexity_jax.sweep.config import parse_sweep

PLAIN = {
    **{"name": "one", "title": "One", "figure": "", "phenomenon": "p", "question": "q"},
    **{"why": "w", "test_sequences": 100, "sweep": {"training": {"steps": 7, "batch_size": 3}}},
    "sizes": {
        "smoke": {"cost": "c", "sweep": {"training": {"steps": 2}}, "test_sequences": 5},
        "small": {"cost": "c"},
        "paper": {"cost": "c", "sweep": {"training": None, "family": {"kind": "mlp"}}},
    },
}


def test_sizes_change_keys_remove_them_and_keep_the_rest():
    one = parse(Experiment, PLAIN)
    assert one.config("smoke") == {"training": {"steps": 2, "batch_size": 3}}
    assert one.config("small") == PLAIN["sweep"]
    assert one.config("paper") == {"family": {"kind": "mlp"}}
    assert (one.sequences("smoke"), one.sequences("small")) == (5.0, 100.0)


def test_a_mapping_with_a_kind_is_replaced_whole():
    sizes = PLAIN["sizes"] | {"small": {"cost": "c", "sweep": {"family": {"kind": "b"}}}}
    sweep = {"family": {"kind": "a", "widths": [4]}}
    one = parse(Experiment, PLAIN | {"sweep": sweep, "sizes": sizes})
    assert one.config("small") == {"family": {"kind": "b"}}


def test_wrong_names_and_missing_sizes_are_refused():
    with pytest.raises(ConfigError, match="NAME: unknown experiment 'rule_ordre'; did you mean"):
        load("rule_ordre")
    with pytest.raises(ConfigError, match="--size: unknown size 'smal'; did you mean 'small'"):
        load("rule_order").config("smal")
    with pytest.raises(ConfigError, match="paper is missing"):
        parse(Experiment, PLAIN | {"sizes": {k: {"cost": "c"} for k in ("smoke", "small")}})


def test_an_experiment_is_found_by_its_figure():
    assert load("3").name == "rule_order"
    assert names()[:2] == ["two_codes", "rule_order"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", names())
def test_every_size_is_a_sweep_whose_drawn_sources_open(name, size):
    experiment = load(name)
    sweep = parse_sweep(experiment.config(size))
    assert sweep.sources
    for source in sweep.sources.values():
        assert open_source(source).info.mean_labels > 0
    assert experiment.sequences(size) > 0
