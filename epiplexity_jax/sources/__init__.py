"""Sources: where sequences come from."""

from epiplexity_jax.sources.arrays import Tokens, from_array
from epiplexity_jax.sources.automata import ElementaryCA
from epiplexity_jax.sources.cipher import Cipher
from epiplexity_jax.sources.grains import Grain, from_grain
from epiplexity_jax.sources.images import Images, from_images
from epiplexity_jax.sources.induction import Induction
from epiplexity_jax.sources.iterators import Iterated, from_iterator
from epiplexity_jax.sources.labelled import Labelled, from_labelled
from epiplexity_jax.sources.maps import FlipLabels, Shuffle
from epiplexity_jax.sources.mix import Mix
from epiplexity_jax.sources.registry import open_source, register
from epiplexity_jax.sources.repeat import Repeat
from epiplexity_jax.sources.selections import Replay, Subsample
from epiplexity_jax.sources.synthetic import Markov, Noise
from epiplexity_jax.sources.text import PythonStdlib, Text
from epiplexity_jax.sources.tfds import Tfds

__all__ = [
    "Cipher",
    "ElementaryCA",
    "FlipLabels",
    "Grain",
    "Images",
    "Induction",
    "Iterated",
    "Labelled",
    "Markov",
    "Mix",
    "Noise",
    "PythonStdlib",
    "Repeat",
    "Replay",
    "Shuffle",
    "Subsample",
    "Text",
    "Tfds",
    "Tokens",
    "from_array",
    "from_grain",
    "from_images",
    "from_iterator",
    "from_labelled",
    "open_source",
    "register",
]
