"""Sources of configs: all that they hold, and the sentence with which they are refused."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.opening import open_source


def read_all(config):
    source = open_source(config)
    return source.read(np.arange(source.sequences)).ravel()


def complaint(config):
    with pytest.raises(DataError) as caught:
        open_source(config)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{config.path}: ")
