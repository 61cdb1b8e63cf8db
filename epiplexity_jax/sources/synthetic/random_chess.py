"""Games of chess with random legal moves, as the text that games of people are read as."""

import functools
from typing import Literal

import numpy as np
from pydantic import Field

from epiplexity_jax.base import hash_rng
from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.keys import Seed
from epiplexity_jax.sources.files.characters import Alphabet
from epiplexity_jax.sources.files.chess_text import (
    ALPHABET,
    UNKNOWN,
    GameLines,
    Order,
    make_move,
    moves_text,
    python_chess,
)
from epiplexity_jax.sources.files.corpus import TextOptions, open_corpus
from epiplexity_jax.sources.spec import MOST_TOKENS, HostSource

_PURPOSE = "legal moves"
_MOST_GAMES = 10_000_000  # half a day of play, at 60 plies each
_MOST_PLIES = 1 << 15  # the rule of 75 moves ends every game before


class RandomChess(Config):
    """Games of chess with random legal moves, as characters: moves and the final position.

    Each move is drawn uniformly from those that are legal. A game ends by the rules (mate,
    stalemate, too little material, a position for the fifth time, 75 moves without a capture or a
    move of a pawn) or after `max_plies` plies. Lines are those of `chess`, in the same alphabet and
    the same two orders, with `?` for both ratings, so a model of one reads the other. Lines are
    joined end to end and cut into sequences: the two orders hold the same characters.

    The games are made when the source is opened, and are kept for the next one that asks for the
    same games. The rules need `pip install 'epiplexity-jax[chess]'` (python-chess, under the GPL);
    a million plies take 80 seconds.
    """

    kind: Literal["random_chess"] = "random_chess"
    games: int = Field(default=2000, ge=1, le=_MOST_GAMES)
    """Number of games; a smaller number takes the first of them."""
    order: Order = "moves_first"
    """`moves_first`: moves, ratings, final position; `board_first`: the position first."""
    max_plies: int = Field(default=60, ge=1, le=_MOST_PLIES)
    """Largest number of plies of a game."""
    game_seed: Seed = 0
    """Seed of the moves, whatever the sweep's is."""
    alphabet: Alphabet = ALPHABET
    """The characters that are tokens, as in `chess`."""
    length: int = Field(default=128, ge=1, le=MOST_TOKENS)
    """L, tokens of a sequence."""


def open_random_chess(config: RandomChess) -> HostSource:
    """Play the games.

    How many bits their text has is not known: every move has log2 of the number of legal ones, but
    that number is no constant. Their fingerprint is that of their characters.

    Raises:
        ConfigError: when python-chess is missing.
        DataError: when the games hold less than a sequence.
    """
    lines = GameLines(config.order)
    for moves, position in random_games(config.game_seed, config.max_plies, config.games):
        lines.add(moves, (UNKNOWN, UNKNOWN), position)
    own = fingerprint("random_chess", config.game_seed, config.max_plies)
    corpus = lines.corpus("random_chess", (own,))
    return open_corpus(corpus, TextOptions(config.alphabet, "error", config.length))


@functools.lru_cache(maxsize=1)
def random_games(seed: int, max_plies: int, games: int) -> tuple[tuple[str, str], ...]:
    """Play games of random legal moves: of each its moves and its final position.

    Game i is a function of the seed, `max_plies` and i alone. Legal moves are sorted before one is
    drawn, so the order in which python-chess lists them decides nothing.

    Args:
        seed: seed of the moves.
        max_plies: largest number of plies of a game.
        games: number of games.

    Raises:
        ConfigError: when python-chess is missing.
    """
    chess = python_chess("random_chess", _PURPOSE)
    plies = np.arange(max_plies)
    played = []
    for game in range(games):
        board, moves = chess.Board(), []
        for draw in hash_rng.uniform(seed, "random_chess", np.array([game]), plies).tolist():
            if board.is_game_over():
                break
            legal = sorted(
                board.legal_moves,
                key=lambda move: (move.from_square, move.to_square, move.promotion or 0),
            )
            moves.append(make_move(board, legal[int(draw * len(legal))]))
        played.append((moves_text(moves), board.fen()))
    return tuple(played)
