"""Families of models that an observer may use."""

from epiplexity_jax.families.adapters import from_linen, from_nnx
from epiplexity_jax.families.networks.mlp import Mlp
from epiplexity_jax.families.networks.recurrent import Recurrent
from epiplexity_jax.families.networks.transformer import Transformer
from epiplexity_jax.families.ngram import Ngram
from epiplexity_jax.families.registry import open_family, register
from epiplexity_jax.families.user_model_checks import Functions
from epiplexity_jax.families.user_models import user_model

__all__ = [
    "Functions",
    "Mlp",
    "Ngram",
    "Recurrent",
    "Transformer",
    "from_linen",
    "from_nnx",
    "open_family",
    "user_model",
    "register",
]
