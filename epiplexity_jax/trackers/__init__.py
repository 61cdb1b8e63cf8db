"""Trackers: sinks for the numbers of a sweep while it trains."""

from epiplexity_jax.trackers.jsonl import Jsonl
from epiplexity_jax.trackers.libraries import Trackio, Wandb
from epiplexity_jax.trackers.registry import open_tracker
from epiplexity_jax.trackers.spec import Series, Sink
from epiplexity_jax.trackers.tensorboard import Tensorboard

__all__ = ["Jsonl", "Series", "Sink", "Tensorboard", "Trackio", "Wandb", "open_tracker"]
