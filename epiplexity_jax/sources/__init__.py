"""Sources of sequences: kinds by name, their facts, and the split of finite ones."""

from epiplexity_jax.sources import kinds  # noqa: F401 - registers them
from epiplexity_jax.sources.files.chess_games import Chess
from epiplexity_jax.sources.files.chess_questions import ChessQuestions
from epiplexity_jax.sources.files.document_files import DocumentFiles
from epiplexity_jax.sources.files.fasta import Fasta
from epiplexity_jax.sources.files.images import Images, from_images
from epiplexity_jax.sources.files.labelled import Labelled, from_labelled
from epiplexity_jax.sources.files.package_files import PackageFiles
from epiplexity_jax.sources.files.photographs import Photographs
from epiplexity_jax.sources.files.python_stdlib import PythonStdlib
from epiplexity_jax.sources.files.text import Text
from epiplexity_jax.sources.files.tfds import Tfds
from epiplexity_jax.sources.files.tokens import Tokens, from_array
from epiplexity_jax.sources.maps.apply_rule import ApplyRule
from epiplexity_jax.sources.maps.compile_python import CompilePython
from epiplexity_jax.sources.maps.dedupe import Dedupe
from epiplexity_jax.sources.maps.encrypt import Encrypt
from epiplexity_jax.sources.maps.flip_labels import FlipLabels
from epiplexity_jax.sources.maps.mix import Mix
from epiplexity_jax.sources.maps.reorder import Reorder
from epiplexity_jax.sources.maps.replay import Replay
from epiplexity_jax.sources.maps.retokenise import Retokenise
from epiplexity_jax.sources.maps.shuffle import Shuffle
from epiplexity_jax.sources.maps.sort import Sort
from epiplexity_jax.sources.maps.subsample import Subsample
from epiplexity_jax.sources.opening import open_source, register
from epiplexity_jax.sources.python.grain_dataset import Grain, from_grain
from epiplexity_jax.sources.python.iterator import Iterated, from_iterator
from epiplexity_jax.sources.synthetic.automata import ElementaryCA
from epiplexity_jax.sources.synthetic.boolean import Boolean
from epiplexity_jax.sources.synthetic.cipher import Cipher
from epiplexity_jax.sources.synthetic.connect_four import ConnectFour
from epiplexity_jax.sources.synthetic.grammar import Grammar
from epiplexity_jax.sources.synthetic.in_context import InContext
from epiplexity_jax.sources.synthetic.induction import Induction
from epiplexity_jax.sources.synthetic.lcg import LCG
from epiplexity_jax.sources.synthetic.length_generalisation import LengthGeneralisation
from epiplexity_jax.sources.synthetic.lfsr import LFSR
from epiplexity_jax.sources.synthetic.life import Life
from epiplexity_jax.sources.synthetic.lorenz import Lorenz
from epiplexity_jax.sources.synthetic.markov_rows import MarkovRows
from epiplexity_jax.sources.synthetic.mixture import Mixture
from epiplexity_jax.sources.synthetic.modular_addition import ModularAddition
from epiplexity_jax.sources.synthetic.noise_markov import Markov, Noise
from epiplexity_jax.sources.synthetic.pairs import Pairs
from epiplexity_jax.sources.synthetic.random_chess import RandomChess
from epiplexity_jax.sources.synthetic.repeat import Repeat
from epiplexity_jax.sources.synthetic.tic_tac_toe import TicTacToe
from epiplexity_jax.sources.synthetic.tic_tac_toe_questions import TicTacToeQuestions
from epiplexity_jax.sources.synthetic.two_features import TwoFeatures
from epiplexity_jax.sources.synthetic.zipf_facts import ZipfFacts

__all__ = [
    "LCG",
    "LFSR",
    "ApplyRule",
    "Chess",
    "ChessQuestions",
    "Boolean",
    "Cipher",
    "ConnectFour",
    "CompilePython",
    "Dedupe",
    "DocumentFiles",
    "ElementaryCA",
    "Encrypt",
    "Fasta",
    "FlipLabels",
    "Grain",
    "Grammar",
    "Images",
    "InContext",
    "Induction",
    "Iterated",
    "Labelled",
    "Life",
    "Lorenz",
    "LengthGeneralisation",
    "Markov",
    "MarkovRows",
    "Mix",
    "Mixture",
    "ModularAddition",
    "Noise",
    "PackageFiles",
    "Pairs",
    "Photographs",
    "PythonStdlib",
    "RandomChess",
    "Reorder",
    "Repeat",
    "Replay",
    "Retokenise",
    "Shuffle",
    "Sort",
    "Subsample",
    "Text",
    "Tfds",
    "TicTacToe",
    "TicTacToeQuestions",
    "Tokens",
    "TwoFeatures",
    "ZipfFacts",
    "from_array",
    "from_grain",
    "from_images",
    "from_iterator",
    "from_labelled",
    "open_source",
    "register",
]
