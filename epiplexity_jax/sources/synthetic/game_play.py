"""Random play of games on the device, and its layout as sequences of tokens."""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, Int32, Key, UInt32

from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.keys import key
from epiplexity_jax.sources.spec import MaskedTokens, SourceInfo, Synthetic
from epiplexity_jax.sources.synthetic.game_law import MOST_CELLS, Game, game_law

_MEASURED = 1 << 16  # games from which the lengths of games are measured where positions are many
_CHOICE_BITS = 26  # of a random word that choose a move; with 6 bits of a count they fill a word
MOST_MOVES = 1 << (32 - _CHOICE_BITS)  # legal at a time, not reached

Order = Literal["moves_first", "board_first"]


class Played(NamedTuple):
    """Random games, played until the board is full: what follows the end of a game is cut off.

    Attributes:
        moves: [n, cells] move of each ply.
        plies_of_cells: [n, cells] ply that took each cell, from 0.
        plies: [n] plies of each game: up to its first line, or all.
    """

    moves: Int32[Array, "n cells"]
    plies_of_cells: Int32[Array, "n cells"]
    plies: Int32[Array, " n"]


def play(game: Game, key_: Key[Array, ""], count: int) -> Played:
    """Play games whose every move is uniform over the legal ones, to within 2^-20 of its share.

    Which moves are legal does not depend on whether a game is over, so all are played on until the
    board is full, and their ends are found from the order in which cells were taken.

    Args:
        game: the rules.
        key_: random key.
        count: n, number of games.
    """
    bits = jax.random.bits(key_, (game.cells, count), jnp.uint32)
    bottom = jnp.arange(game.cells)[None] < game.columns

    def move(plies_of_cells: jax.Array, given: tuple[jax.Array, jax.Array]) -> tuple[Any, Any]:
        ply, word = given
        taken = plies_of_cells >= 0
        legal = ~taken
        if game.drops:
            legal &= bottom | jnp.roll(taken, game.columns, axis=1)
        numbers = jnp.cumsum(legal, axis=1, dtype=jnp.int32)
        chosen = _below(word, numbers[:, -1]) + 1
        cell = jnp.argmax(numbers == chosen[:, None], axis=1).astype(jnp.int32)
        here = jnp.arange(game.cells)[None] == cell[:, None]
        return jnp.where(here, ply, plies_of_cells), cell

    start = jnp.full((count, game.cells), -1, jnp.int32)
    plies_of_cells, cells = jax.lax.scan(move, start, (jnp.arange(game.cells), bits))
    moves = cells.T % game.columns if game.drops else cells.T
    return Played(moves, plies_of_cells, _plies(game, plies_of_cells))


def _below(words: UInt32[Array, " n"], limits: Int32[Array, " n"]) -> Int32[Array, " n"]:
    """Scale random words to integers below limits [n], which are under `MOST_MOVES`."""
    scaled = (words >> (32 - _CHOICE_BITS)) * limits.astype(jnp.uint32) >> _CHOICE_BITS
    return scaled.astype(jnp.int32)


def _plies(game: Game, plies_of_cells: Int32[Array, "n cells"]) -> Int32[Array, " n"]:
    """Count the plies until the first line of one player is full, or the board."""
    lines = game.lines()
    if not len(lines):
        return jnp.full(len(plies_of_cells), game.cells, jnp.int32)
    taken = plies_of_cells[:, lines]
    one_player = (taken % 2 == taken[:, :, :1] % 2).all(axis=2)
    full = jnp.where(one_player, taken.max(axis=2) + 1, game.cells)
    return full.min(axis=1)


class GameLayout(NamedTuple):
    """Parameters of a drawn game: two orders are values, so both share one program.

    Attributes:
        places: [L] int32, place of each token in a sequence whose moves come first.
        padding: [] int32, token behind the end of a game that is not paid for.
    """

    places: jax.Array
    padding: jax.Array


def layout(game: Game, order: Order) -> GameLayout:
    """Lay out sequences: behind the last label padding is 0, before it `end` again."""
    cells, first = game.cells, order == "moves_first"
    places = np.roll(np.arange(2 * cells), 0 if first else cells)
    return GameLayout(jnp.asarray(places, jnp.int32), jnp.int32(game.moves if first else 0))


def move_tokens(game: Game, played: Played) -> Int32[Array, "n cells"]:
    """Write the moves, and `end` for those behind the end of each game."""
    over = jnp.arange(game.cells)[None] >= played.plies[:, None]
    return jnp.where(over, game.moves, played.moves)


def board_after(played: Played, plies: Int32[Array, " n"]) -> Int32[Array, "n cells"]:
    """Find the board after so many plies: 0 empty, 1 of the first player, 2 of the second."""
    taken = played.plies_of_cells < plies[:, None]
    return jnp.where(taken, 1 + played.plies_of_cells % 2, 0)


def board_tokens(game: Game, played: Played, plies: Int32[Array, " n"]) -> Int32[Array, "n cells"]:
    """Write the board after some plies.

    Args:
        game: the rules.
        played: the games.
        plies: [n] plies made.
    """
    return game.moves + 1 + board_after(played, plies)


def whole_sequences(game: Game, given: GameLayout, played: Played) -> MaskedTokens:
    """Write games and their final boards: [n, 2 cells] int32, with their label masks.

    Args:
        game: the rules.
        given: order of the halves.
        played: the games.
    """
    paid = jnp.arange(game.cells)[None] <= played.plies[:, None]
    moves = jnp.where(paid, move_tokens(game, played), given.padding)
    tokens = jnp.concatenate([moves, board_tokens(game, played, played.plies)], axis=1)
    mask = jnp.concatenate([paid, jnp.ones_like(paid)], axis=1)
    return MaskedTokens(tokens[:, given.places], mask[:, given.places])


@dataclass(frozen=True)
class GameSampler:
    """Draws games, their moves and final boards (see `spec.Sampler`)."""

    game: Game

    def __call__(self, parameters: GameLayout, key: Key[Array, ""], count: int) -> MaskedTokens:
        """Draw [count, 2 cells] int32; the same key draws the same games in both orders."""
        return whole_sequences(self.game, parameters, play(self.game, key, count))


def open_game(kind: str, game: Game, order: Order, unbounded: bool) -> Synthetic:
    """Open a source of random games with the facts of its exact law, where that can be found.

    Args:
        kind: kind of the source.
        game: its rules.
        order: order of moves and board.
        unbounded: see `SourceInfo.rate_is_unbounded`.
    """
    exact = game.cells <= MOST_CELLS
    ends = game_law(game).ends if exact else _measured_ends(game)
    # A game of p plies pays for p moves and, where more are possible, for its end.
    longer = 1 - np.concatenate([[0], np.cumsum(ends)[: game.cells - 1]])
    shares = np.concatenate([np.clip(longer, 0, 1), np.ones(game.cells)])
    own = fingerprint(kind, *game)
    drawn = layout(game, order)
    places = np.asarray(drawn.places)
    info = SourceInfo(
        vocab_size=game.moves + 4,
        length=2 * game.cells,
        label_mask=np.ones(2 * game.cells, bool),
        label_shares=shares[places],
        fingerprint=fingerprint(kind, *game, order),
        entropy_rate_nats=game_law(game).nats / math.fsum(shares) if exact else None,
        rate_is_unbounded=unbounded,
        origins=(own,),
    )
    return Synthetic(info, GameSampler(game), drawn)


def _measured_ends(game: Game) -> Float64[np.ndarray, " n"]:
    """Measure the share of games of 0, 1, ... plies on games of a fixed key."""
    played = jax.jit(lambda k: play(game, k, _MEASURED).plies)(key(0, "lengths of games"))
    return np.bincount(np.asarray(played), minlength=game.cells + 1) / _MEASURED
