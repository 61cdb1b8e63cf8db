"""Games of k in a row: lines of the board, and the exact law of uniformly random play."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Integer, UInt64

MOST_CELLS = 20  # of a board whose positions are counted; 5 x 4 takes a second
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows and columns from a cell of a line to the next

Boards = UInt64[np.ndarray, " _"]  # of each ply another number
Weights = Float64[np.ndarray, " _"]


class Game(NamedTuple):
    """Rules: two players take turns, and the first with `connect` cells in a row wins.

    Cells are numbered row by row; row 0 is the lowest.

    Attributes:
        columns: columns of the board.
        rows: its rows.
        connect: cells in a row that win.
        drops: True where a move is a column, whose lowest empty cell it takes; else it is a cell.
    """

    columns: int
    rows: int
    connect: int
    drops: bool

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.columns * self.rows

    @property
    def moves(self) -> int:
        """Number of different moves."""
        return self.columns if self.drops else self.cells

    def lines(self) -> Integer[np.ndarray, "lines connect"]:
        """Find the cells of every line that wins."""
        found, reach = [], self.connect - 1
        for row, column in np.ndindex(self.rows, self.columns):
            # A line of one cell has no direction.
            for down, right in _STEPS[: 1 if reach == 0 else None]:
                end = row + down * reach, column + right * reach
                if 0 <= end[0] < self.rows and 0 <= end[1] < self.columns:
                    first, step = row * self.columns + column, down * self.columns + right
                    found.append([first + step * i for i in range(self.connect)])
        return np.array(found, np.int32).reshape(-1, self.connect)


class GameLaw(NamedTuple):
    """Facts of games in which every move is uniform over the legal ones.

    Attributes:
        nats: entropy of the moves of a game, nats.
        ends: [cells + 1] probability that a game has 0, 1, ... plies.
    """

    nats: float
    ends: Float64[np.ndarray, " n"]


@functools.cache
def game_law(game: Game) -> GameLaw:
    """Find the law of random games, exact up to rounding.

    It goes through all positions, ply by ply. A move among m legal ones has ln m nats, so the
    entropy of a game is the mean of the sum of ln m over its plies: games need not be listed.

    Args:
        game: the rules, with `MOST_CELLS` cells at the most.
    """
    mover, other, weight = np.zeros(1, np.uint64), np.zeros(1, np.uint64), np.ones(1)
    ends, nats = np.zeros(game.cells + 1), 0.0
    lines = [np.uint64(sum(1 << int(cell) for cell in line)) for line in game.lines()]
    for ply in range(1, game.cells + 1):  # `other` has moved at the end of it
        legal = _legal_cells(mover | other, game)
        choices = np.bitwise_count(legal).astype(np.float64)
        nats += float(weight @ np.log(choices))
        mover, other, weight = _after_a_move(mover, other, weight / choices, legal, game)
        won = np.full(len(other), ply == game.cells)
        for line in lines:
            won |= (other & line) == line
        ends[ply] = weight[won].sum()
        mover, other, weight = _merged(mover[~won], other[~won], weight[~won], game)
    return GameLaw(nats, ends)


def _legal_cells(taken: Boards, game: Game) -> Boards:
    """Find the cells that a move may take: bit i is cell i."""
    free = ~taken & np.uint64((1 << game.cells) - 1)
    if not game.drops:
        return free
    bottom = np.uint64((1 << game.columns) - 1)
    return free & (bottom | taken << np.uint64(game.columns))


def _after_a_move(
    mover: Boards, other: Boards, weight: Weights, legal: Boards, game: Game
) -> tuple[Boards, Boards, Weights]:
    """Make every legal move in every position: the players have changed sides."""
    made = []
    for cell in range(game.cells):
        bit = np.uint64(1 << cell)
        here = (legal & bit) != 0
        made.append((other[here], mover[here] | bit, weight[here]))
    first, second, weights = (np.concatenate(each) for each in zip(*made, strict=True))
    return first, second, weights


def _merged(
    mover: Boards, other: Boards, weight: Weights, game: Game
) -> tuple[Boards, Boards, Weights]:
    """Add the weights of equal positions."""
    codes, which = np.unique(mover | other << np.uint64(game.cells), return_inverse=True)
    weights = np.bincount(which, weight, minlength=len(codes)).astype(np.float64)  # none: integers
    return codes & np.uint64((1 << game.cells) - 1), codes >> np.uint64(game.cells), weights
