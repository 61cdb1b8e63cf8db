"""The law of random games against lists of all games."""

import math

import numpy as np
import pytest

from epiplexity_jax.sources.synthetic.game_law import Game, game_law

SMALL = [
    Game(3, 3, 3, drops=False),
    Game(3, 3, 3, drops=True),
    Game(2, 3, 2, drops=True),
    Game(4, 2, 3, drops=False),
    Game(3, 2, 5, drops=True),  # no line fits, so every game fills the board
]


def winning_lines(game):
    """Every set of `connect` cells that a ruler finds in a row."""
    found = set()
    for x in range(game.columns):
        for y in range(game.rows):
            for dx, dy in [(1, 0), (0, 1), (1, 1), (-1, 1)]:
                cells = [(x + dx * i, y + dy * i) for i in range(game.connect)]
                if all(0 <= a < game.columns and 0 <= b < game.rows for a, b in cells):
                    found.add(frozenset(b * game.columns + a for a, b in cells))
    return found


def games(game, moves=(), cells=((), ()), probability=1.0):
    """Play on from a position in every way: moves, cells of both players and probability."""
    lines, mover = winning_lines(game), len(moves) % 2
    taken = {*cells[0], *cells[1]}
    if any(line <= set(cells[1 - mover]) for line in lines) or len(taken) == game.cells:
        yield moves, cells, probability
        return
    legal = []
    for cell in range(game.cells):
        above = not game.drops or cell < game.columns or cell - game.columns in taken
        if cell not in taken and above:
            legal.append(cell)
    for cell in legal:
        after = list(cells)
        after[mover] = (*cells[mover], cell)
        move = cell % game.columns if game.drops else cell
        yield from games(game, (*moves, move), tuple(after), probability / len(legal))


@pytest.mark.parametrize("game", SMALL[1:], ids=str)
def test_the_law_is_that_of_all_games(game):
    nats, ends = 0.0, np.zeros(game.cells + 1)
    for moves, _, probability in games(game):
        nats -= probability * math.log(probability)
        ends[len(moves)] += probability
    law = game_law(game)
    assert math.isclose(law.nats, nats, rel_tol=1e-12)
    np.testing.assert_allclose(law.ends, ends, atol=1e-12)


@pytest.mark.parametrize(
    ("game", "count"),
    [(Game(3, 3, 3, False), 8), (Game(7, 6, 4, True), 69), (Game(5, 4, 4, True), 17)],
)
def test_lines(game, count):
    """8 lines of tic-tac-toe and 69 of connect four are well known."""
    lines = game.lines()
    assert lines.shape == (count, game.connect)
    assert {frozenset(line) for line in lines.tolist()} == winning_lines(game)


@pytest.mark.parametrize("game", SMALL, ids=str)
def test_lines_of_small_boards(game):
    assert {frozenset(line) for line in game.lines().tolist()} == winning_lines(game)


def test_a_line_of_one_cell_has_no_direction():
    assert Game(3, 2, 1, drops=True).lines().tolist() == [[cell] for cell in range(6)]
