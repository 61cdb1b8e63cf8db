"""Tiny files in the place of the data that a user brings: games, web pages, pictures."""

import random
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

_PLIES = 30


def write_user_data(folder: Path, games: int = 240) -> None:
    """Write what every experiment needs below a folder, as their definitions name it."""
    (folder / "lichess").mkdir()
    text = "".join(random_game(seed) for seed in range(games))
    (folder / "lichess" / "games.pgn").write_text(text, encoding="utf-8")
    (folder / "openwebtext").mkdir()
    words = np.random.default_rng(0).choice(["the ", "of ", "a ", "cat ", "sat.\n"], (40, 400))
    pages = ["".join(row) for row in words] + ["é, which is outside the alphabet"]
    table = pyarrow.table({"text": pages})
    pyarrow.parquet.write_table(table, folder / "openwebtext" / "part.parquet")
    (folder / "cifar5m").mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    np.savez(folder / "cifar5m" / "part0.npz", X=pixels, Y=np.zeros(60))


def random_game(seed: int) -> str:
    """A game of random legal moves as PGN, cut off after some plies."""
    import chess

    board, draw, words = chess.Board(), random.Random(seed), []
    while len(board.move_stack) < _PLIES and not board.is_game_over():
        move = draw.choice(list(board.legal_moves))
        if board.turn == chess.WHITE:
            words.append(f"{board.fullmove_number}.")
        words.append(board.san_and_push(move))
    headers = f'[WhiteElo "{1500 + seed}"]\n[BlackElo "{1600 + seed}"]\n\n'
    return f"{headers}{' '.join(words)} 1/2-1/2\n\n"
