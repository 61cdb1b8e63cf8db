"""Families by kind."""

import functools

from epiplexity_jax.base.registry import Registry
from epiplexity_jax.families.networks.base import NetworkFamily
from epiplexity_jax.families.networks.mlp import Mlp, open_mlp
from epiplexity_jax.families.networks.recurrent import Recurrent, RecurrentModel
from epiplexity_jax.families.networks.transformer import Transformer, TransformerModel
from epiplexity_jax.families.ngram import Ngram, NgramFamily
from epiplexity_jax.families.spec import Family
from epiplexity_jax.families.user_models import UserModels, open_user_models

_REGISTRY: Registry[Family] = Registry("family")
_REGISTRY.register(Transformer, functools.partial(NetworkFamily, build=TransformerModel))
_REGISTRY.register(Recurrent, functools.partial(NetworkFamily, build=RecurrentModel))
_REGISTRY.register(Mlp, open_mlp)
_REGISTRY.register(Ngram, NgramFamily)
_REGISTRY.register(UserModels, open_user_models, listed=False)

register = _REGISTRY.register
"""Add a kind, `register(config, opener)`: a class with its name as `kind`, and its opener."""
parse = _REGISTRY.parse
open_family = _REGISTRY.open
"""Open the family that a config describes."""
kinds = _REGISTRY.kinds
