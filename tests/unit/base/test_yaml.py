"""YAML as people write it: numbers with exponents, each key once."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.yaml import read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.0e6", 1e6),
        ("3e12", 3e12),
        ("1.0E13", 1e13),
        ("-2e-3", -2e-3),
        ("+5e2", 500.0),
        ("1.e3", 1000.0),
        ("12", 12),
        ("1e", "1e"),
        ("e3", "e3"),
        ("1e3x", "1e3x"),
        ("'1e3'", "1e3"),
    ],
)
def test_numbers_are_read_as_people_write_them(text, value):
    read = read_yaml(text, "here")
    assert read == value
    assert type(read) is type(value)


def test_a_key_is_given_once():
    with pytest.raises(ConfigError, match="^here: line 2, column 1 key 'a' is given twice$"):
        read_yaml("a: 1\na: 2\n", "here")


def test_what_nests_too_deep_is_refused():
    with pytest.raises(ConfigError, match="^here: nests too deep; "):
        read_yaml("[" * 20_000, "here")


def test_what_contains_itself_is_refused():
    with pytest.raises(ConfigError, match="^here: an alias is used inside of what it names$"):
        read_yaml("a: &a {b: *a}", "here")
    assert read_yaml("a: &a {b: 1}\nc: *a", "here")["c"] == {"b": 1}
