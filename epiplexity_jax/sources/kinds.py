"""Every kind of source, registered in `opening`: a new one is one file and its line here."""

from epiplexity_jax.sources.files.images import Images, open_images
from epiplexity_jax.sources.files.labelled import Labelled, open_labelled
from epiplexity_jax.sources.files.text import PythonStdlib, Text, open_python_stdlib, open_text
from epiplexity_jax.sources.files.tfds import Tfds, open_tfds
from epiplexity_jax.sources.files.tokens import Tokens, open_file
from epiplexity_jax.sources.maps.flip_labels import FlipLabels, open_flip_labels
from epiplexity_jax.sources.maps.mix import Mix, open_mix
from epiplexity_jax.sources.maps.replay import Replay, open_replay
from epiplexity_jax.sources.maps.shuffle import Shuffle, open_shuffle
from epiplexity_jax.sources.maps.subsample import Subsample, open_subsample
from epiplexity_jax.sources.opening import register
from epiplexity_jax.sources.python.grain_dataset import Grain, open_grain
from epiplexity_jax.sources.python.iterator import Iterated, open_iterator
from epiplexity_jax.sources.python.opened import OpenedSource, open_opened
from epiplexity_jax.sources.synthetic.automata import ElementaryCA, open_elementary_ca
from epiplexity_jax.sources.synthetic.cipher import Cipher, open_cipher
from epiplexity_jax.sources.synthetic.induction import Induction, open_induction
from epiplexity_jax.sources.synthetic.noise_markov import Markov, Noise, open_markov, open_noise
from epiplexity_jax.sources.synthetic.repeat import Repeat, open_repeat

register(Text, open_text)
register(PythonStdlib, open_python_stdlib)
register(Tokens, open_file)
register(Iterated, open_iterator)
register(Grain, open_grain)
register(Tfds, open_tfds)
register(Images, open_images)
register(Noise, open_noise)
register(Repeat, open_repeat)
register(Cipher, open_cipher)
register(Markov, open_markov)
register(ElementaryCA, open_elementary_ca)
register(Induction, open_induction)
register(Labelled, open_labelled)
register(Shuffle, open_shuffle)
register(FlipLabels, open_flip_labels)
register(Mix, open_mix)
register(Subsample, open_subsample)
register(Replay, open_replay)
register(OpenedSource, open_opened, listed=False)
