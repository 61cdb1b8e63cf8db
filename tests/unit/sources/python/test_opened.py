"""Opened sources in the place of a config."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import from_array, open_source
from epiplexity_jax.sources.opening import parse
from epiplexity_jax.sources.python.opened import opened


def test_an_opened_source_is_opened_as_itself():
    source = from_array(np.arange(40) % 5, length=4)
    config = opened(source)
    assert open_source(config) is source
    assert config.model_dump() == {"kind": "given", "fingerprint": source.info.fingerprint}


def test_a_file_can_only_name_it():
    with pytest.raises(ConfigError, match="^was opened in Python; run it again from there$"):
        open_source(parse({"kind": "given", "fingerprint": "f"}, "sources.a"))


def test_another_object_is_refused():
    with pytest.raises(ConfigError, match="^source: expected a config such as .*, got int$"):
        opened(3)
