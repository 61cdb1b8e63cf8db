"""Questions about tic-tac-toe: inputs against those of `tic_tac_toe`, answers against search."""

import functools

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import TicTacToe, TicTacToeQuestions, open_source
from epiplexity_jax.sources.synthetic.tic_tac_toe_questions import position_values
from tests.unit.sources.synthetic.test_tic_tac_toe import LINES, all_games

KEY = jax.random.key(4)


def asked(count=2000, **config):
    """Inputs [n, F] and answers [n]."""
    source = open_source(TicTacToeQuestions(**config))
    drawn = np.asarray(source.sampler(source.parameters, KEY, count))
    assert drawn.shape == (count, source.info.length)
    assert source.info.label_mask.tolist() == [False] * (source.info.length - 1) + [True]
    assert (source.info.vocab_size, source.info.input_vocab_size) == (3, 13)
    return drawn[:, :-1], drawn[:, -1]


def games(order="moves_first", count=2000):
    source = open_source(TicTacToe(order=order))
    return source.sampler(source.parameters, KEY, count)


def board_of(moves):
    board = [0] * 9
    for ply, cell in enumerate(moves):
        board[cell] = 1 + ply % 2
    return tuple(board)


def winner(board):
    won = {board[a] for a, b, c in LINES if board[a] == board[b] == board[c] and board[a]}
    return won.pop() if won else 0


@functools.cache
def score(board):
    """Outcome for X under perfect play: 1, 0 or -1, by negamax."""

    def for_mover(board, mover):
        won = winner(board)
        if won or 0 not in board:
            return 0 if not won else 1 if won == mover else -1
        return max(
            -for_mover((*board[:cell], mover, *board[cell + 1 :]), 3 - mover)
            for cell in range(9)
            if not board[cell]
        )

    mover = 1 + (9 - board.count(0)) % 2
    return for_mover(board, mover) * (1 if mover == 1 else -1)


def test_inputs_are_the_beginning_of_a_sequence():
    for inputs, order, width in [
        ("moves", "moves_first", 9),
        ("board", "board_first", 9),
        ("moves_first", "moves_first", 18),
        ("board_first", "board_first", 18),
    ]:
        np.testing.assert_array_equal(asked(inputs=inputs)[0], games(order).tokens[:, :width])
    for plies in (1, 5, 8):
        moves, _ = asked(question="value", plies=plies)
        np.testing.assert_array_equal(moves, games().tokens[:, :plies])


@pytest.mark.parametrize("inputs", ["moves", "board", "moves_first", "board_first"])
def test_winners(inputs):
    _, answers = asked(inputs=inputs)
    boards = np.asarray(games().tokens)[:, 9:] - 10
    assert answers.tolist() == [winner(tuple(board)) for board in boards.tolist()]


def test_winners_are_as_frequent_as_in_all_games():
    _, boards, _, _ = all_games()
    exact = np.zeros(3)
    for board, probability in boards.items():
        exact[winner(board)] += probability
    _, answers = asked(40_000)
    shares = np.bincount(answers, minlength=3) / 40_000
    assert (abs(shares - exact) < 5 * np.sqrt(exact * (1 - exact) / 40_000)).all()


@pytest.mark.parametrize("plies", [3, 5, 8])
def test_values_of_positions(plies):
    """Also where the game is over before that many plies."""
    moves, answers = asked(300, question="value", plies=plies)
    boards, again = asked(300, question="value", plies=plies, inputs="board")
    np.testing.assert_array_equal(answers, again)
    for row, board, answer in zip(moves.tolist(), boards.tolist(), answers, strict=True):
        made = [cell for cell in row if cell < 9]
        assert board_of(made) == tuple(cell - 10 for cell in board)
        assert {1: 1, 0: 0, -1: 2}[score(board_of(made))] == answer
    assert len(set(answers.tolist())) == 3


def test_known_values():
    """Perfect play is a draw from the start and from every first move."""
    values, powers = position_values(), 3 ** np.arange(9)
    assert values[0] == 0
    assert (values[powers] == 0).all()
    edge_after_corner = board_of([0, 1])
    assert values[np.array(edge_after_corner) @ powers] == 1
    assert np.unique(values).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"plies": 3}, "plies: winner asks about finished games; leave it out"),
        (
            {"question": "value"},
            "plies: value needs the number of plies before the position, 1 to 8",
        ),
        (
            {"question": "value", "plies": 3, "inputs": "moves_first"},
            "inputs: expected moves or board for value, got moves_first, which lays out finished "
            "games",
        ),
    ],
)
def test_options_of_the_other_question(config, sentence):
    with pytest.raises(ConfigError) as caught:
        TicTacToeQuestions(**config)
    assert str(caught.value) == sentence
