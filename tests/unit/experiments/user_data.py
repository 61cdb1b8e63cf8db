"""Tiny files in the place of the data that a user brings: games, web pages, pictures."""

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from epiplexity_jax.sources.synthetic.random_chess import random_games

_PLIES = 30


def folder_of_user_data(tmp_path_factory):
    """Make a folder with tiny files in the place of what users bring."""
    pytest.importorskip("chess")
    folder = tmp_path_factory.mktemp("user_data")
    write_user_data(folder)
    return folder


def write_user_data(folder: Path, games: int = 240) -> None:
    """Write what every experiment needs below a folder, as their definitions name it."""
    (folder / "lichess").mkdir()
    played = enumerate(random_games(0, _PLIES, games))
    text = "".join(_as_pgn(number, moves) for number, (moves, _) in played)
    (folder / "lichess" / "games.pgn").write_text(text, encoding="utf-8")
    (folder / "openwebtext").mkdir()
    words = np.random.default_rng(0).choice(["the ", "of ", "a ", "cat ", "sat.\n"], (40, 400))
    pages = ["".join(row) for row in words] + ["é, which is outside the alphabet"]
    table = pyarrow.table({"text": pages})
    pyarrow.parquet.write_table(table, folder / "openwebtext" / "part.parquet")
    (folder / "cifar5m").mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    np.savez(folder / "cifar5m" / "part0.npz", X=pixels, Y=np.zeros(60))


def _as_pgn(number: int, moves: str) -> str:
    """A game in PGN, cut off after some plies: `e4,e5;` is `1. e4 e5`."""
    headers = f'[WhiteElo "{1500 + number}"]\n[BlackElo "{1600 + number}"]\n\n'
    pairs = [pair.replace(",", " ") for pair in moves.split(";") if pair]
    numbered = " ".join(f"{turn}. {pair}" for turn, pair in enumerate(pairs, start=1))
    return f"{headers}{numbered} 1/2-1/2\n\n"
