"""Sources: where sequences come from."""

from epiplexity_jax.sources.automata import ElementaryCA
from epiplexity_jax.sources.registry import open_source, register
from epiplexity_jax.sources.synthetic import Markov, Noise
from epiplexity_jax.sources.text import PythonStdlib, Text

__all__ = [
    "ElementaryCA",
    "Markov",
    "Noise",
    "PythonStdlib",
    "Text",
    "open_source",
    "register",
]
