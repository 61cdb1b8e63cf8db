"""Tic-tac-toe under random play: the same games in two orders of equal, known entropy."""

from typing import Literal

from epiplexity_jax.base.config import Config
from epiplexity_jax.sources.spec import Synthetic
from epiplexity_jax.sources.synthetic.game_law import Game
from epiplexity_jax.sources.synthetic.game_play import Order, open_game

TIC_TAC_TOE = Game(columns=3, rows=3, connect=3, drops=False)


class TicTacToe(Config):
    """Tic-tac-toe, every move uniform over the legal ones: its moves, and its final board.

    A sequence is 9 tokens of moves (cells 0 to 8, row by row) and 9 of the final board (empty, X,
    O; X moves first). A game of fewer than 9 plies has one `end` (9) behind its last move, which is
    paid for, and padding, which is not; a ninth move needs no `end`. So labels vary by sequence.

    There are 255,168 games and 958 final boards. The board is a function of the moves, so both
    orders have the 17.5405 bits of the moves: moves first, the board costs nothing more; board
    first, 9.3793 bits for the board, then 8.1611 for how it came about. Any loss above it is a
    bound on compute or on data, not entropy. Under the same seed both orders have the same games,
    and they train together in one compiled program.
    """

    kind: Literal["tic_tac_toe"] = "tic_tac_toe"
    order: Order = "moves_first"
    """`moves_first` or `board_first`: which half of a sequence comes first."""


def open_tic_tac_toe(config: TicTacToe) -> Synthetic:
    """Open it; its entropy rate is H(moves) over the label tokens of a mean game.

    Moves first, a model needs the legal moves and 8 lines, so `floor: entropy_rate` can use it.
    Board first, the law of the moves is a sum over all orders of play that end at the board, up to
    2,880, which an observer with little compute only comes near: there the rate is no floor.
    """
    return open_game("tic_tac_toe", TIC_TAC_TOE, config.order, config.order == "board_first")
