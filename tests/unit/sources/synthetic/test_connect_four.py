"""Connect four: facts of boards that can be counted, and of those that cannot."""

import math

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import ConnectFour, open_source
from epiplexity_jax.sources.synthetic.game_law import Game
from tests.unit.sources.synthetic.test_game_law import games


@pytest.mark.parametrize("order", ["moves_first", "board_first"])
def test_the_entropy_of_a_small_board_is_that_of_all_its_games(order):
    nats, plies = 0.0, np.zeros(10)
    for moves, _, probability in games(Game(3, 3, 3, drops=True)):
        nats -= probability * math.log(probability)
        plies[len(moves)] += probability
    labels = math.fsum(p * (min(count + 1, 9) + 9) for count, p in enumerate(plies))
    info = open_source(ConnectFour(columns=3, rows=3, connect=3, order=order)).info
    assert math.isclose(info.mean_labels, labels, rel_tol=1e-12)
    assert math.isclose(info.entropy_rate_nats * info.mean_labels, nats, rel_tol=1e-12)


def test_the_default_board():
    info = open_source(ConnectFour()).info
    bits = info.entropy_rate_nats * info.mean_labels / math.log(2)
    assert math.isclose(bits, 33.3152, abs_tol=5e-5)
    assert (info.vocab_size, info.length) == (9, 40)
    assert info.rate_is_unbounded


def test_a_board_of_many_positions_has_no_entropy():
    info = open_source(ConnectFour(columns=7, rows=6)).info
    assert info.entropy_rate_nats is None
    assert (info.vocab_size, info.length) == (11, 84)


def test_a_line_that_fits_nowhere_is_refused():
    with pytest.raises(ConfigError) as caught:
        ConnectFour(columns=3, rows=3)
    sentence = "connect: expected at most 3, the longer side of the board, got 4"
    assert str(caught.value) == sentence


def test_a_board_that_takes_minutes_to_measure_is_refused():
    with pytest.raises(ConfigError) as caught:
        ConnectFour(columns=63, rows=63)
    assert str(caught.value) == "rows: expected a board of at most 256 cells, got 3969"
    ConnectFour(columns=16, rows=16)
