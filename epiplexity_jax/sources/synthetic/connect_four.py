"""Connect four under random play: the harder game, on a board of any size."""

from typing import Literal

from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.sources.spec import Synthetic
from epiplexity_jax.sources.synthetic.game_law import Game
from epiplexity_jax.sources.synthetic.game_play import MOST_MOVES, Order, open_game

_MOST_CELLS = 256  # games on larger boards take minutes and gigabytes to measure


class ConnectFour(Config):
    """Connect four, every move uniform over the columns that are not full: moves and final board.

    A sequence is a token for each cell's move (columns 0 to C - 1) and a token for each cell of the
    final board (empty, first player, second player; the lowest row first). A game that ends before
    the board is full has one `end` (C) behind its last move, which is paid for, and padding, which
    is not. So labels vary by sequence.

    The board is a function of the moves, so both orders have the entropy of the moves, 33.3152 bits
    a game on 5 x 4 cells. Under the same seed both orders have the same games, and they train
    together in one compiled program.
    """

    kind: Literal["connect_four"] = "connect_four"
    columns: int = Field(default=5, ge=2, lt=MOST_MOVES)
    """C, columns of the board."""
    rows: int = Field(default=4, ge=1, lt=MOST_MOVES)
    """Rows of the board, which has 256 cells at the most."""
    connect: int = Field(default=4, ge=2)
    """Cells in a row, in any direction, that win."""
    order: Order = "moves_first"
    """`moves_first` or `board_first`: which half of a sequence comes first."""

    @model_validator(mode="after")
    def _somebody_can_win_on_a_board_that_fits(self) -> "ConnectFour":
        if (cells := self.columns * self.rows) > _MOST_CELLS:
            raise ValueError(f"rows: expected a board of at most {_MOST_CELLS} cells, got {cells}")
        longest = max(self.columns, self.rows)
        if self.connect > longest:
            raise ValueError(
                f"connect: expected at most {longest}, the longer side of the board, got "
                f"{self.connect}"
            )
        return self


def open_connect_four(config: ConnectFour) -> Synthetic:
    """Open it; its entropy rate is H(moves) over the label tokens of a mean game.

    Both are exact up to 20 cells, by a count of all positions, which takes a second for 5 x 4.
    Above, the rate is not known, and the lengths of games, from which the label tokens of a mean
    sequence follow, are measured on 65,536 games. A model of bounded compute only comes near the
    rate: it has to see every line of the board, so the rate is no floor.
    """
    game = Game(config.columns, config.rows, config.connect, drops=True)
    return open_game("connect_four", game, config.order, unbounded=True)
