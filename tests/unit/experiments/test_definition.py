"""Definitions: every size of every experiment is a config that a sweep accepts."""

import copy
import math

import pytest

from epiplexity_jax.base.config import parse
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.experiments.definition import SIZES, Experiment, Needed, load, names
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.families.registry import parse as parse_family
from epiplexity_jax.families.spec import task_for
from epiplexity_jax.sources import RandomChess
from epiplexity_jax.sources.opening import open_source
from epiplexity_jax.sources.opening import parse as parse_source
from epiplexity_jax.sources.spec import SourceInfo
from epiplexity_jax.sweep.config import parse_sweep
from tests.unit.experiments.user_data import folder_of_user_data

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


def test_what_a_reading_changed_is_in_the_field_of_its_own():
    """The index marks experiments by that field: a word on it elsewhere would go unmarked."""
    marked = [name for name in names() if load(name).changed]
    assert {"emergence", "rule_order", "tic_tac_toe", "two_codes"} <= set(marked)
    for one in map(load, names()):
        said = (one.caption + one.question + one.why).lower()
        for words in ("first reading", "second reading", "changed after"):
            assert words not in said, one.name


@pytest.fixture(scope="module")
def user_data(tmp_path_factory):
    return folder_of_user_data(tmp_path_factory)


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
    load("chess").check_data("small")
    with pytest.raises(DataError, match="^lichess: no such file; download a month") as raised:
        load("chess").check_data("paper")
    assert "CC0" in str(raised.value)
    assert "\n" not in str(raised.value)
    (tmp_path / "lichess").mkdir()
    (tmp_path / "lichess" / "readme.txt").write_text("no game")
    said = "^lichess: is a folder without a file that ends in .pgn; download a month"
    with pytest.raises(DataError, match=said):
        load("chess").check_data("paper")
    (tmp_path / "lichess" / "games.pgn.zst").write_bytes(b"")
    load("chess").check_data("paper")
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
    problems: dict[str, str | None] = dict.fromkeys(("full", "full/*.bin", "full/a.bin"))
    problems |= {"full/*.txt": "full/*.txt: matches no file"}
    problems |= {"full/b.bin": "full/b.bin: no such file"}
    problems |= {"empty": "empty: is a folder without a file"}
    assert {path: Needed(path=path, what="w").problem for path in problems} == problems
    ended = Needed(path="full", what="w", endings=(".pgn",))
    assert ended.problem == "full: is a folder without a file that ends in .pgn"


CHARACTERS = 250
"""Of a game at the least: 60 plies of random play take 299, and people play longer."""

PICTURES = 6_000_000
"""Of CIFAR-5M, of 32 x 32 pixels."""


@pytest.mark.parametrize("name", ["chess", "natural"])
def test_the_data_asked_for_suffice_for_the_published_steps(name):
    config = load(name).config("paper")
    training, wanted = config["training"], config["heldout"]["tokens"]
    sequences = training["steps"] * training["batch_size"]
    for source in config["sources"].values():
        length = source["length"]
        have = {
            "chess": source.get("games", 0) * CHARACTERS // length,
            "cipher": source.get("sequences", 0),
            "images": PICTURES * 32 * 32 // length,
        }.get(source["kind"])
        if have is not None:
            assert have >= sequences + wanted / length, source


def test_natural_data_of_two_codes_are_not_read_twice():
    """A teacher that reads data again has no prequential length."""
    config = load("two_codes").config("small")
    natural = {name: one for name, one in config["sources"].items() if name.startswith("natural_")}
    assert len(natural) == 6
    for name, one in natural.items():
        source = open_source(parse_source(copy.deepcopy(one), name))
        wanted = config["training"]["steps"] * config["training"]["batch_size"]
        assert source.sequences >= wanted + config["heldout"]["tokens"] / source.info.length, name


def test_the_games_that_the_small_size_plays_suffice_for_its_steps():
    pytest.importorskip("chess")
    config = load("chess").config("small")
    training = config["training"]
    sequences = training["steps"] * training["batch_size"]
    for source in config["sources"].values():
        assert source["kind"] == "random_chess"
        few = open_source(RandomChess.model_validate(source | {"games": 100}))
        characters = few.sequences * source["length"] / 100
        assert characters > CHARACTERS
        have = source["games"] * characters
        assert have >= sequences * source["length"] + config["heldout"]["tokens"]


def test_the_page_of_chess_says_what_its_small_size_spends():
    one = load("chess")
    config = one.config("small")
    family = open_family(parse_family(config["family"], "family"))
    info = SourceInfo.all_labels(43, 128, "games")
    costs = [family.model(s, task_for(family, info), "float32", "cpu").cost for s in family.sizes()]
    tokens = config["training"]["steps"] * config["training"]["batch_size"] * 128
    trained = max(cost.train_flops_per_token for cost in costs) * tokens
    read = max(cost.eval_flops_per_token for cost in costs) * one.sequences("small") * 128
    assert f"spends {trained:.2g}".replace("e+", "e") in one.why
    assert f"and {trained + read:.2g}".replace("e+", "e") in one.why
    assert 4.5 < math.log10(2e17 / trained) < 5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", names())
def test_every_size_is_a_sweep_whose_sources_open(name, size, user_data, monkeypatch):
    monkeypatch.chdir(user_data)
    experiment = load(name)
    experiment.check_data(size)
    config = copy.deepcopy(experiment.config(size))
    for source in config["sources"].values():
        if source["kind"] == "random_chess":  # 20,000 games take a minute to play
            source["games"] = 200
    sweep = parse_sweep(config)
    assert sweep.sources
    for source in sweep.sources.values():
        assert open_source(source).info.mean_labels > 0
    assert experiment.sequences(size) > 0
