"""The text of games of chess."""

import numpy as np
import pytest

from epiplexity_jax.sources.files.chess_text import GameLines, make_move, moves_text
from epiplexity_jax.sources.files.corpus import TextOptions, open_corpus


def test_moves_have_the_separator_of_their_side():
    chess = pytest.importorskip("chess")
    board = chess.Board()
    made = [make_move(board, board.parse_san(text)) for text in ("e4", "e5", "Nf3")]
    assert made == [("e4", ","), ("e5", ";"), ("Nf3", ",")]
    assert moves_text(made) == "e4,e5;Nf3"
    assert moves_text(made[:2]) == "e4,e5;"
    assert moves_text([]) == ""


def test_lines_in_both_orders_hold_the_same_and_know_each_other():
    texts, origins = [], []
    for order in ("moves_first", "board_first"):
        lines = GameLines(order)
        lines.add("e4", ("1", "?"), "FEN")
        lines.add("d4,d5;", ("?", "?"), "FEN2")
        corpus = lines.corpus("games", ("a",), ("a note",))
        source = open_corpus(corpus, TextOptions("bytes", "error", 1))
        texts.append(source.read(np.arange(source.sequences)).tobytes().decode())
        origins.append(source.info.origins)
        assert len(lines) == 2
        assert source.info.notes == ("a note",)
    assert texts == ["e4|1|?|FEN\nd4,d5;|?|?|FEN2\n", "FEN|e4|1|?\nFEN2|d4,d5;|?|?\n"]
    assert origins[0] == origins[1]
