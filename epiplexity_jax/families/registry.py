"""Families by kind."""

from epiplexity_jax.base.registry import Registry
from epiplexity_jax.families.ngram import Ngram, open_ngram
from epiplexity_jax.families.spec import Family
from epiplexity_jax.families.transformer import Transformer, open_transformer

_REGISTRY: Registry[Family] = Registry("family")
_REGISTRY.register(Transformer, open_transformer)
_REGISTRY.register(Ngram, open_ngram)

register = _REGISTRY.register
parse = _REGISTRY.parse
open_family = _REGISTRY.open
kinds = _REGISTRY.kinds
