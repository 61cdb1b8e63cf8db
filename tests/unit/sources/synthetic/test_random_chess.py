"""Games of random legal moves: the same for a seed, legal, and ended by the rules or the limit."""

import sys
from typing import Any

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Chess, RandomChess, open_source
from epiplexity_jax.sources.files.chess_text import ALPHABET
from epiplexity_jax.sources.synthetic import random_chess


@pytest.fixture
def chess():
    return pytest.importorskip("chess")


@pytest.fixture
def fresh():
    """Forget the games that were played before."""
    random_chess.random_games.cache_clear()


def opened(**config) -> Any:
    return open_source(RandomChess(**{"length": 1, **config}))


def text(**config):
    source = opened(**config)
    return "".join(ALPHABET[t] for t in source.read(np.arange(source.sequences)).ravel())


@pytest.mark.usefixtures("chess")
def test_a_seed_and_a_place_make_a_game():
    config = {"games": 8, "max_plies": 12}
    one = text(**config)
    random_chess.random_games.cache_clear()
    assert text(**config) == one
    assert text(games=5, max_plies=12) == "".join(one.splitlines(keepends=True)[:5])
    assert text(game_seed=1, **config) != one
    assert len(set(one.splitlines())) == 8


def test_the_order_in_which_moves_are_listed_decides_nothing(chess, fresh, monkeypatch):
    config = {"games": 4, "max_plies": 20}
    before = text(**config)
    random_chess.random_games.cache_clear()
    listed = chess.Board.generate_legal_moves
    backwards = lambda board, *rest: iter([*listed(board, *rest)][::-1])  # noqa: E731
    monkeypatch.setattr(chess.Board, "generate_legal_moves", backwards)
    assert text(**config) == before
    random_chess.random_games.cache_clear()


@pytest.mark.parametrize(("max_plies", "games"), [(30, 40), (700, 3)])
def test_games_are_legal_and_end_by_the_rules_or_at_the_limit(chess, max_plies, games):
    by_rules = 0
    for line in text(games=games, max_plies=max_plies).splitlines():
        moves, *ratings, position = line.split("|")
        board = chess.Board()
        words = moves.replace(";", ",").strip(",").split(",")
        for word in words:
            assert not board.is_game_over()
            board.push_san(word)
        assert board.fen() == position
        assert ratings == ["?", "?"]
        assert board.is_game_over() or len(words) == max_plies
        by_rules += board.is_game_over()
    assert by_rules == games or max_plies == 30


@pytest.mark.usefixtures("chess")
def test_moves_are_drawn_uniformly():
    firsts = [moves for moves, _ in random_chess.random_games(0, 1, 2000)]
    counts = np.unique(firsts, return_counts=True)[1]
    assert len(counts) == 20
    assert abs(counts - 100).max() < 5 * np.sqrt(100 * 0.95)


@pytest.mark.usefixtures("chess")
def test_both_orders_hold_the_same_characters_in_the_alphabet_of_chess():
    one, other = (text(games=20, order=order) for order in ("moves_first", "board_first"))
    assert sorted(one) == sorted(other)
    assert one != other
    infos = [opened(games=20, order=order).info for order in ("moves_first", "board_first")]
    assert infos[0].origins == infos[1].origins
    assert infos[0].fingerprint != infos[1].fingerprint
    assert {info.vocab_size for info in infos} == {len(ALPHABET)}
    assert {info.entropy_rate_nats for info in infos} == {None}


@pytest.mark.usefixtures("chess")
def test_the_same_games_in_a_file_read_the_same(tmp_path):
    lines = text(games=5, max_plies=9).splitlines()
    moves = [line.split("|")[0].replace(";", " ").replace(",", " ") for line in lines]
    (tmp_path / "games.pgn").write_text("".join(f"{each} *\n\n" for each in moves))
    read: Any = open_source(Chess(path=str(tmp_path / "games.pgn"), length=1))
    assert "".join(ALPHABET[t] for t in read.read(np.arange(read.sequences)).ravel()) == (
        "".join(f"{line}\n" for line in lines)
    )
    assert set(read.info.origins) & set(opened(games=5, max_plies=9).info.origins)


@pytest.mark.usefixtures("chess")
def test_too_few_games_are_refused():
    with pytest.raises(DataError, match=r"^random_chess: has \d+ tokens of its alphabet, less"):
        opened(games=1, max_plies=1, length=512)


@pytest.mark.usefixtures("fresh")
def test_without_python_chess_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "chess", None)  # as where it is not installed
    with pytest.raises(ConfigError) as caught:
        opened()
    assert str(caught.value) == (
        "kind: random_chess needs the package python-chess for legal moves; "
        "pip install 'epiplexity-jax[chess]'"
    )
