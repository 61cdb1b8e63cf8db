"""Tic-tac-toe: all 255,168 games, and the entropies of both orders."""

import functools
import math
from collections import Counter

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import TicTacToe, open_source
from epiplexity_jax.sources import opening as kinds

LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]


@functools.cache
def all_games():
    """Number of games and, by final board and plies, their probability and its p log p."""
    count, boards, plies = 0, Counter(), Counter()
    nats = 0.0

    def on(board, ply, probability):
        nonlocal count, nats
        free = [cell for cell in range(9) if not board[cell]]
        if not free or any(board[a] and board[a] == board[b] == board[c] for a, b, c in LINES):
            count += 1
            boards[board] += probability
            plies[ply] += probability
            nats -= probability * math.log(probability)
            return
        for cell in free:
            after = (*board[:cell], 1 + ply % 2, *board[cell + 1 :])
            on(after, ply + 1, probability / len(free))

    on((0,) * 9, 0, 1.0)
    return count, boards, plies, nats


def test_known_numbers():
    count, boards, plies, nats = all_games()
    of_boards = -math.fsum(p * math.log2(p) for p in boards.values())
    assert count == 255_168
    assert len(boards) == 958
    assert math.isclose(sum(p * ply for ply, p in plies.items()), 7.62619, abs_tol=5e-6)
    assert math.isclose(nats / math.log(2), 17.5405, abs_tol=5e-5)
    assert math.isclose(of_boards, 9.37934, abs_tol=5e-6)
    assert math.isclose(nats / math.log(2) - of_boards, 8.16112, abs_tol=5e-6)


@pytest.mark.parametrize("order", ["moves_first", "board_first"])
def test_both_orders_have_the_entropy_of_the_moves(order):
    """A game of p plies pays for p moves, one end below 9 plies, and 9 cells."""
    _, _, plies, nats = all_games()
    labels = math.fsum(p * (min(ply + 1, 9) + 9) for ply, p in plies.items())
    info = open_source(TicTacToe(order=order)).info
    assert (info.vocab_size, info.length) == (13, 18)
    assert info.label_tokens == 18
    assert math.isclose(info.mean_labels, labels, rel_tol=1e-12)
    assert math.isclose(info.entropy_rate_nats * info.mean_labels, nats, rel_tol=1e-10)
    assert info.rate_is_unbounded == (order == "board_first")
    assert info.bytes_per_token is None
    shares = [1.0] * 6 + [1 - sum(plies[n] for n in range(place)) for place in (6, 7, 8)]
    shares = shares + [1.0] * 9 if order == "moves_first" else [1.0] * 9 + shares
    np.testing.assert_allclose(info.label_shares, shares, atol=1e-12)


def test_an_unknown_order_is_refused():
    with pytest.raises(ConfigError, match=r"^sources.t.order: .*'moves_last'"):
        kinds.parse({"kind": "tic_tac_toe", "order": "moves_last"}, "sources.t")
