"""Definitions: every size of every experiment is a config that a sweep accepts."""

import pytest

from epiplexity_jax.base.config import parse
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.experiments.definition import SIZES, Experiment, Needed, load, names
from epiplexity_jax.sources.opening import open_source
from epiplexity_jax.sweep.config import parse_sweep
from tests.unit.experiments.user_data import write_user_data

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


@pytest.fixture(scope="module")
def user_data(tmp_path_factory):
    """A folder with tiny files in the place of what users bring."""
    pytest.importorskip("chess")
    folder = tmp_path_factory.mktemp("user_data")
    write_user_data(folder)
    return folder


def test_an_experiment_is_found_by_its_figure():
    assert load("3").name == "rule_order"
    assert names()[:2] == ["two_codes", "rule_order"]


def test_of_several_with_one_figure_the_first_is_found_and_others_by_name():
    assert load("4c").name == "tic_tac_toe"
    assert load("7").name == load("chess").name == "chess"
    assert load("8a").name == "natural"
    figures = [load(name).figure for name in names()]
    assert figures.index("4c, 7") == figures.index("4c") + 1


def test_data_that_are_not_there_are_refused_with_where_they_are_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for size in SIZES:
        with pytest.raises(DataError, match="^lichess: no such file; download a month") as raised:
            load("chess").check_data(size)
        assert "CC0" in str(raised.value)
        assert "\n" not in str(raised.value)
    load("natural").check_data("small")
    with pytest.raises(DataError, match="^openwebtext: no such file; "):
        load("natural").check_data("paper")
    with pytest.raises(ConfigError, match="--size"):
        load("chess").check_data("smal")


def test_a_file_a_pattern_and_a_folder_with_a_file_are_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.bin").write_bytes(b"a")
    there = {"full": True, "full/*.bin": True, "full/a.bin": True}
    there |= {"empty": False, "full/*.txt": False, "full/b.bin": False}
    assert {path: Needed(path=path, what="w").is_there for path in there} == there


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", names())
def test_every_size_is_a_sweep_whose_sources_open(name, size, user_data, monkeypatch):
    monkeypatch.chdir(user_data)
    experiment = load(name)
    experiment.check_data(size)
    sweep = parse_sweep(experiment.config(size))
    assert sweep.sources
    for source in sweep.sources.values():
        assert open_source(source).info.mean_labels > 0
    assert experiment.sequences(size) > 0
