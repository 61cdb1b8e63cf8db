"""Arguments as sources: files, kinds, configs; too little data is refused with a number."""

import math
import re

import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax import api
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.planning.requests import ask, check_options, controls


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("It was the best of times. " * 400, encoding="ascii")
    return path


def test_a_file_a_kind_a_config_and_an_array_are_sources(book, tmp_path):
    array = epx.sources.from_array(np.arange(9000) % 7, length=16)
    other = tmp_path / "other" / "book.txt"
    other.parent.mkdir()
    other.write_text("another book of the same name. " * 400, encoding="ascii")
    named = [str(book), "noise", epx.sources.Noise(vocab_size=4, length=8), array, other]
    found = ask(named, 16)
    assert [one.name for one in found[:3]] == ["book.txt", "noise", "noise-2"]
    assert found[4].name == "book.txt-2"
    assert found[1].source.info.length == 16
    assert (found[0].tokens, found[1].tokens) == (10_400, None)


def test_controls_are_noise_and_a_shuffled_copy_of_what_is_finite(book):
    found = controls(ask([str(book)], 16))
    assert list(found) == ["book.txt, shuffled", "noise"]
    assert found["noise"].model_dump()["vocab_size"] == 256
    assert controls(ask(["noise"], 16)) == {}


def test_too_little_data_says_how_much_is_needed(tmp_path):
    (tmp_path / "tiny.txt").write_text("few words " * 30, encoding="ascii")
    with pytest.raises(DataError, match=r"tiny.txt: .* too few .* 20,480 are needed"):
        ask([str(tmp_path / "tiny.txt")], 64)


def test_what_is_unknown_or_needs_parameters_is_named():
    with pytest.raises(DataError, match="no kind of source; did you mean 'noise'[?]$"):
        ask(["nois"], 64)
    with pytest.raises(DataError, match="no kind of source; `epiplexity-jax sources` lists these$"):
        ask(["y"], 64)
    with pytest.raises(ConfigError, match="elementary_ca: needs rule"):
        ask(["elementary_ca"], 64)
    with pytest.raises(DataError, match="no such file"):
        ask(["folder/absent.txt"], 64)


def test_an_empty_name_is_no_folder():
    with pytest.raises(ConfigError, match="source: expected a file"):
        ask([""], 64)


def test_the_same_data_is_asked_for_once(tmp_path):
    text = "the old cat sat on a mat. " * 4000
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(text, encoding="ascii")
    with pytest.raises(ConfigError, match=r"b\.txt: is the same data as a\.txt"):
        ask([tmp_path / "a.txt", tmp_path / "b.txt"], 16)


@pytest.mark.parametrize(
    ("minutes", "options", "said"),
    [
        (0, {}, "minutes: must be a positive number, got 0"),
        (math.nan, {}, "minutes: must be a positive number, got nan"),
        (5, {"test_tokens": -1.0}, "test_tokens: must be a positive number, got -1"),
        (5, {"budgets": []}, "budgets: expected FLOPs such as"),
        (5, {"budgets": [1e10, 0.0]}, "budgets: must be a positive number, got 0"),
        (5, {"budgets": [math.inf]}, "budgets: must be a positive number, got inf"),
        (5, {"length": 0}, "length: must be at least 1, got 0"),
        (5, {"seed": -1}, "seed: must be at least 0, got -1"),
        (5, {"reading": "byte"}, "reading: unknown reading 'byte'; did you mean 'bytes'"),
    ],
)
def test_an_option_that_is_not_allowed_is_named_before_anything_is_read(minutes, options, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        api.measure("no such file", minutes=minutes, **options)


def test_options_that_are_left_out_are_allowed():
    check_options(0.5, {"budgets": None, "length": None, "seed": 0, "reading": "tokens"})
