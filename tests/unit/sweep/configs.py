"""Sweeps of config files, and the sentences that refuse them."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.config_file import read_config


def parsed(path, *overrides):
    return parse_sweep(read_config(path, overrides))


def sentence(path, *overrides):
    with pytest.raises(ConfigError) as caught:
        parsed(path, *overrides)
    said = str(caught.value)
    assert "\n" not in said
    return said
