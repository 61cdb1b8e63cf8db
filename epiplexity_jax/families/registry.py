"""Families by kind."""

from epiplexity_jax.base.registry import Registry
from epiplexity_jax.families.networks.mlp import Mlp, open_mlp
from epiplexity_jax.families.networks.recurrent import Recurrent, open_recurrent
from epiplexity_jax.families.networks.transformer import Transformer, open_transformer
from epiplexity_jax.families.ngram import Ngram, open_ngram
from epiplexity_jax.families.spec import Family
from epiplexity_jax.families.user_models import UserModels, open_user_models

_REGISTRY: Registry[Family] = Registry("family")
_REGISTRY.register(Transformer, open_transformer)
_REGISTRY.register(Recurrent, open_recurrent)
_REGISTRY.register(Mlp, open_mlp)
_REGISTRY.register(Ngram, open_ngram)
_REGISTRY.register(UserModels, open_user_models, listed=False)

register = _REGISTRY.register
parse = _REGISTRY.parse
open_family = _REGISTRY.open
kinds = _REGISTRY.kinds
