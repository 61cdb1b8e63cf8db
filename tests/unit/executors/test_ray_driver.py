"""What cannot be sent to a cluster is named."""

import threading

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.user_models import Functions, user_model
from epiplexity_jax.sweep.config import parse_sweep

SWEEP = {
    "sources": {"noise": {"kind": "noise", "vocab_size": 4, "length": 8}},
    "family": {"kind": "transformer", "widths": [8], "depths": [1], "seeds": 2},
}


def test_what_cannot_travel_is_named(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from epiplexity_jax.executors import ray_driver

    family = user_model({"mine": Functions(threading.Lock().acquire, print)})
    sweep = parse_sweep(SWEEP).model_copy(update={"family": family})
    with pytest.raises(ConfigError, match=r"family: cannot be sent .*lock.* executor\.kind local"):
        ray_driver._blame(sweep, TypeError())
