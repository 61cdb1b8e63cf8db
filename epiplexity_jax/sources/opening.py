"""The registry of sources by kind, empty until `kinds` fills it: maps open what is inside them."""

from epiplexity_jax.base.registry import Registry
from epiplexity_jax.sources.spec import Source

_REGISTRY: Registry[Source] = Registry("source")

register = _REGISTRY.register
"""Add a kind, `register(config, opener)`: a class with its name as `kind`, and its opener."""
parse = _REGISTRY.parse
open_source = _REGISTRY.open
"""Open the source that a config describes."""
kinds = _REGISTRY.kinds
