"""Questions about positions of tic-tac-toe, answered by exact search."""

import functools
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Key
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.sources.spec import DrawnTokens, SourceInfo, Synthetic
from epiplexity_jax.sources.synthetic.game_play import (
    GameLayout,
    board_after,
    board_tokens,
    layout,
    move_tokens,
    play,
    whole_sequences,
)
from epiplexity_jax.sources.synthetic.tic_tac_toe import TIC_TAC_TOE

_POWERS = 3 ** np.arange(9, dtype=np.int32)
_LINES = tuple(map(tuple, TIC_TAC_TOE.lines().tolist()))
_WORTH = {0: 0, 1: 1, 2: -1}  # of an answer to X

Inputs = Literal["moves", "board", "moves_first", "board_first"]
Board = tuple[int, ...]


class TicTacToeQuestions(Config):
    """Questions about random games of tic-tac-toe: the inputs of `tic_tac_toe`, and one answer.

    Only the answer is paid for: 0 a draw, 1 for X, 2 for O. Inputs have the symbols and places that
    they have in a sequence of `tic_tac_toe`, so a model that was trained on it reads them as it
    did, and its read-out alone is new. Under the same seed the games are those of `tic_tac_toe`;
    another seed asks about other games.
    """

    kind: Literal["tic_tac_toe_questions"] = "tic_tac_toe_questions"
    question: Literal["winner", "value"] = "winner"
    """`winner`: who wins the finished game. `value`: who wins, if both play perfectly, from the
    position after `plies` random plies (its minimax value); a game that is over by then has been
    decided."""
    inputs: Inputs = "moves"
    """`moves`: those up to the position, `end` behind the end of a game; `board`: its 9 cells; and,
    for `winner`, whole sequences of `tic_tac_toe` in one of its orders, `moves_first` or
    `board_first`."""
    plies: int | None = Field(default=None, ge=1, le=8)
    """k, random plies before the position of `value`."""

    @model_validator(mode="after")
    def _options_fit_the_question(self) -> "TicTacToeQuestions":
        if self.question == "winner" and self.plies is not None:
            raise ValueError("plies: winner asks about finished games; leave it out")
        if self.question == "value" and self.plies is None:
            raise ValueError("plies: value needs the number of plies before the position, 1 to 8")
        if self.question == "value" and self.inputs not in ("moves", "board"):
            raise ValueError(
                f"inputs: expected moves or board for value, got {self.inputs}, which lays out "
                "finished games"
            )
        return self


class Answers(NamedTuple):
    """Parameters of the questions.

    Attributes:
        values: [3^9] int32, value of the position with code sum of 3^i times cell i.
        whole: layout of a whole sequence.
    """

    values: jax.Array
    whole: GameLayout


@dataclass(frozen=True)
class QuestionSampler:
    """Draws games, positions in them and answers (see `spec.Sampler`)."""

    inputs: Inputs
    plies: int | None = None

    def __call__(self, parameters: Answers, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, inputs + 1] int32."""
        played = play(TIC_TAC_TOE, key, count)
        plies = played.plies if self.plies is None else jnp.minimum(played.plies, self.plies)
        answers = parameters.values[board_after(played, plies) @ _POWERS]
        if self.inputs == "moves":
            inputs = move_tokens(TIC_TAC_TOE, played)[:, : self.plies]
        elif self.inputs == "board":
            inputs = board_tokens(TIC_TAC_TOE, played, plies)
        else:
            inputs = whole_sequences(TIC_TAC_TOE, parameters.whole, played).tokens
        return jnp.concatenate([inputs, answers[:, None]], axis=1)


@functools.cache
def position_values() -> Int32[np.ndarray, " n"]:
    """Find the minimax value of every position: 0 a draw, 1 X wins, 2 O wins; [3^9] by its code.

    The 5,478 positions that games reach are searched; codes of others hold 0.
    """
    values: Int32[np.ndarray, " n"] = np.zeros(3**9, np.int32)
    known: dict[Board, int] = {}

    def value(board: Board) -> int:
        if board not in known:
            known[board] = _searched(board)
            values[np.array(board) @ _POWERS] = known[board]
        return known[board]

    def _searched(board: Board) -> int:
        for a, b, c in _LINES:
            if board[a] and board[a] == board[b] == board[c]:
                return board[a]
        free = [cell for cell in range(9) if not board[cell]]
        if not free:
            return 0
        mover = 1 + (9 - len(free)) % 2
        after = (value((*board[:cell], mover, *board[cell + 1 :])) for cell in free)
        return max(after, key=lambda answer: _WORTH[answer] * _WORTH[mover])

    value((0,) * 9)
    return values


def open_tic_tac_toe_questions(config: TicTacToeQuestions) -> Synthetic:
    """Open the questions; their entropy rate is 0, as the inputs determine the answer.

    There are 5,478 positions, so a model may hold all answers, and `floor: entropy_rate` can be
    used.
    """
    inputs, plies = config.inputs, config.plies
    game = TIC_TAC_TOE
    count = {"moves": plies or game.cells, "board": game.cells}.get(inputs, 2 * game.cells)
    order = "board_first" if inputs == "board_first" else "moves_first"
    info = SourceInfo(
        vocab_size=3,
        length=count + 1,
        label_mask=np.arange(count + 1) == count,
        fingerprint=fingerprint("tic_tac_toe_questions", config.question, inputs, plies),
        entropy_rate_nats=0.0,
        input_vocab_size=game.moves + 4,
        origins=(fingerprint("tic_tac_toe", *game),),
    )
    answers = Answers(jnp.asarray(position_values()), layout(game, order))
    return Synthetic(info, QuestionSampler(inputs, plies), answers)
