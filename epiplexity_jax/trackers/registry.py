"""Trackers by kind."""

from epiplexity_jax.base.registry import Registry
from epiplexity_jax.trackers.jsonl import Jsonl, open_jsonl
from epiplexity_jax.trackers.libraries import Trackio, Wandb, open_library
from epiplexity_jax.trackers.spec import Sink
from epiplexity_jax.trackers.tensorboard import Tensorboard, open_tensorboard

_REGISTRY: Registry[Sink] = Registry("tracker")
_REGISTRY.register(Jsonl, open_jsonl)
_REGISTRY.register(Tensorboard, open_tensorboard)
_REGISTRY.register(Wandb, open_library)
_REGISTRY.register(Trackio, open_library)

parse = _REGISTRY.parse
open_tracker = _REGISTRY.open
"""Open the tracker that a config describes."""
