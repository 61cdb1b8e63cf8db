"""Sources by kind."""

from epiplexity_jax.base.registry import Registry
from epiplexity_jax.sources.files.images import Images, open_images
from epiplexity_jax.sources.files.labelled import Labelled, open_labelled
from epiplexity_jax.sources.files.text import PythonStdlib, Text, open_python_stdlib, open_text
from epiplexity_jax.sources.files.tfds import Tfds, open_tfds
from epiplexity_jax.sources.files.tokens import Tokens, open_file
from epiplexity_jax.sources.maps.mix import Mix, open_mix
from epiplexity_jax.sources.maps.shuffle import FlipLabels, Shuffle, open_flip_labels, open_shuffle
from epiplexity_jax.sources.maps.subsample import Replay, Subsample, open_replay, open_subsample
from epiplexity_jax.sources.python.grain_dataset import Grain, open_grain
from epiplexity_jax.sources.python.iterator import Iterated, open_iterator
from epiplexity_jax.sources.python.opened import OpenedSource, open_opened
from epiplexity_jax.sources.spec import Source
from epiplexity_jax.sources.synthetic.automata import ElementaryCA, open_elementary_ca
from epiplexity_jax.sources.synthetic.cipher import Cipher, open_cipher
from epiplexity_jax.sources.synthetic.induction import Induction, open_induction
from epiplexity_jax.sources.synthetic.noise_markov import Markov, Noise, open_markov, open_noise
from epiplexity_jax.sources.synthetic.repeat import Repeat, open_repeat

_REGISTRY: Registry[Source] = Registry("source")
_REGISTRY.register(Text, open_text)
_REGISTRY.register(PythonStdlib, open_python_stdlib)
_REGISTRY.register(Tokens, open_file)
_REGISTRY.register(Iterated, open_iterator)
_REGISTRY.register(Grain, open_grain)
_REGISTRY.register(Tfds, open_tfds)
_REGISTRY.register(Images, open_images)
_REGISTRY.register(Noise, open_noise)
_REGISTRY.register(Repeat, open_repeat)
_REGISTRY.register(Cipher, open_cipher)
_REGISTRY.register(Markov, open_markov)
_REGISTRY.register(ElementaryCA, open_elementary_ca)
_REGISTRY.register(Induction, open_induction)
_REGISTRY.register(Labelled, open_labelled)
_REGISTRY.register(Shuffle, open_shuffle)
_REGISTRY.register(FlipLabels, open_flip_labels)
_REGISTRY.register(Mix, open_mix)
_REGISTRY.register(Subsample, open_subsample)
_REGISTRY.register(Replay, open_replay)
_REGISTRY.register(OpenedSource, open_opened, listed=False)

register = _REGISTRY.register
parse = _REGISTRY.parse
open_source = _REGISTRY.open
kinds = _REGISTRY.kinds
