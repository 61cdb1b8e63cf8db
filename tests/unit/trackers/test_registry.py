"""Every kind of tracker, from plain data to its sink."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.trackers import Sink, open_tracker, registry


@pytest.mark.parametrize("kind", ["jsonl", "tensorboard", "wandb", "trackio"])
def test_a_kind_opens_as_a_sink(kind):
    assert isinstance(open_tracker(registry.parse({"kind": kind}, "trackers.0")), Sink)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ConfigError, match="^trackers.0.kind: unknown tracker 'json'; did you mean"):
        registry.parse({"kind": "json"}, "trackers.0")
