"""Every definition has a function that reads its runs, and the other way round."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.experiments import registry
from epiplexity_jax.experiments.definition import names


def test_definitions_and_readers_have_the_same_names():
    assert sorted(registry._READERS) == sorted(names())


def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigError, match="unknown experiment 'life2'; did you mean 'life'"):
        registry.reader("life2")
