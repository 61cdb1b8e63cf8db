"""Play on the device against plain rules, move by move."""

from collections import Counter

import jax
import numpy as np
import pytest

from epiplexity_jax.sources.synthetic.game_law import Game, game_law
from epiplexity_jax.sources.synthetic.game_play import (
    GameSampler,
    _measured_ends,
    layout,
    open_game,
    play,
)
from tests.unit.sources.synthetic.test_game_law import SMALL, games, winning_lines

GAMES = [*SMALL, Game(5, 4, 4, drops=True), Game(7, 6, 4, drops=True)]


def drawn(game, order="moves_first", count=300, seed=0):
    batch = GameSampler(game)(layout(game, order), jax.random.key(seed), count)
    return np.asarray(batch.tokens), np.asarray(batch.mask)


def replayed(game, moves):
    """Play moves by plain rules: the board, and the ply at which the game is over."""
    lines, board = winning_lines(game), [0] * game.cells
    for ply, move in enumerate(moves, start=1):
        column = range(move, game.cells, game.columns)
        cell = next(c for c in column if not board[c]) if game.drops else move
        assert not board[cell]
        board[cell] = 2 - ply % 2
        mine = {c for c in range(game.cells) if board[c] == board[cell]}
        if any(line <= mine for line in lines):
            return board, ply
    return board, len(moves)


@pytest.mark.parametrize("game", GAMES, ids=str)
def test_games_keep_to_the_rules_and_end_with_the_first_line(game):
    tokens, mask = drawn(game)
    cells, end = game.cells, game.moves
    for row, paid in zip(tokens.tolist(), mask, strict=True):
        plies = row[:cells].index(end) if end in row[:cells] else cells
        board, over = replayed(game, row[:plies])
        assert over == plies
        assert plies == cells or any(
            line <= {c for c in range(cells) if board[c] == 2 - plies % 2}
            for line in winning_lines(game)
        )
        assert [end + 1 + cell for cell in board] == row[cells:]
        assert row[plies:cells] == [end] * (cells - plies)
        assert paid[:cells].tolist() == [True] * min(plies + 1, cells) + [False] * max(
            cells - plies - 1, 0
        )
        assert paid[cells:].all()


@pytest.mark.parametrize("game", GAMES, ids=str)
def test_both_orders_have_the_same_games(game):
    one, paid = drawn(game)
    other, mask = drawn(game, "board_first")
    cells = game.cells
    np.testing.assert_array_equal(other[:, :cells], one[:, cells:])
    np.testing.assert_array_equal(mask[:, cells:], paid[:, :cells])
    np.testing.assert_array_equal(
        other[:, cells:], np.where(paid[:, :cells], one[:, :cells], 0)
    )  # nothing reads what is behind the last label


@pytest.mark.parametrize("game", [SMALL[2], Game(2, 2, 2, drops=False)], ids=str)
def test_every_game_is_drawn_as_often_as_its_probability_says(game):
    expected = {moves: p for moves, _, p in games(game)}
    n = 40_000
    played = play(game, jax.random.key(1), n)
    moves, plies = np.asarray(played.moves), np.asarray(played.plies)
    counts = Counter(
        tuple(row[:count]) for row, count in zip(moves.tolist(), plies.tolist(), strict=True)
    )
    assert set(counts) <= set(expected)
    spread = sum((counts[each] - n * p) ** 2 / (n * p) for each, p in expected.items())
    freedom = len(expected) - 1
    assert spread < freedom + 5 * np.sqrt(2 * freedom)


def test_lengths_are_measured_where_positions_are_too_many_to_count():
    game = Game(4, 4, 4, drops=True)
    measured, exact = _measured_ends(game), game_law(game).ends
    error = np.sqrt(exact * (1 - exact) / 65_536)
    assert (abs(measured - exact) <= 5 * error).all()
    info = open_game("large", Game(7, 6, 4, drops=True), "moves_first", unbounded=True).info
    assert info.entropy_rate_nats is None
    assert not info.rate_is_unbounded
    assert info.label_shares[:8].tolist() == [1.0] * 8  # the first line needs 7 plies
    assert (np.diff(info.label_shares[:42]) <= 0).all()


def test_facts_of_equal_games():
    """Two orders are one data set in two views, and no two games are."""
    facts = [
        open_game("x", game, order, unbounded=False).info
        for game in (SMALL[1], SMALL[2])
        for order in ("moves_first", "board_first")
    ]
    assert len({info.fingerprint for info in facts}) == 4
    assert [info.origins for info in facts[::2]] == [info.origins for info in facts[1::2]]
    assert facts[0].origins != facts[2].origins
    for one, other in (facts[:2], facts[2:]):
        assert one.mean_labels == other.mean_labels
        assert one.entropy_rate_nats == other.entropy_rate_nats
