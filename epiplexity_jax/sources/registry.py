"""Sources by kind."""

from epiplexity_jax.base.registry import Registry
from epiplexity_jax.sources.automata import ElementaryCA, open_elementary_ca
from epiplexity_jax.sources.spec import Source
from epiplexity_jax.sources.synthetic import Markov, Noise, open_markov, open_noise
from epiplexity_jax.sources.text import PythonStdlib, Text, open_python_stdlib, open_text

_REGISTRY: Registry[Source] = Registry("source")
_REGISTRY.register(Text, open_text)
_REGISTRY.register(PythonStdlib, open_python_stdlib)
_REGISTRY.register(Noise, open_noise)
_REGISTRY.register(Markov, open_markov)
_REGISTRY.register(ElementaryCA, open_elementary_ca)

register = _REGISTRY.register
parse = _REGISTRY.parse
open_source = _REGISTRY.open
kinds = _REGISTRY.kinds
