"""Families of models that an observer may use."""

from epiplexity_jax.families.mlp import Mlp
from epiplexity_jax.families.ngram import Ngram
from epiplexity_jax.families.own import from_linen, from_nnx, own
from epiplexity_jax.families.recurrent import Recurrent
from epiplexity_jax.families.registry import open_family, register
from epiplexity_jax.families.transformer import Transformer

__all__ = [
    "Mlp",
    "Ngram",
    "Recurrent",
    "Transformer",
    "from_linen",
    "from_nnx",
    "open_family",
    "own",
    "register",
]
