"""Games of chess as lines of text: moves, ratings and known final positions."""

import gzip
import sys

import numpy as np
import pyarrow
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Chess, open_source
from epiplexity_jax.sources.files.characters import CHESS64
from epiplexity_jax.sources.files.chess_games import ALPHABET

MATE = '[WhiteElo "1500"]\n[BlackElo "1620"]\n\n1. e4 e5 2. Bc4 Nc6 3. Qh5 Nf6?? 4. Qxf7 1-0\n\n'
CASTLED = '[WhiteElo "?"]\n\n1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. 0-0 {x} 1/2-1/2\n\n'
PASSING = '[WhiteElo "900"]\n[BlackElo "-"]\n\n1. e4 a6 2. e5 d5 3. exd6 *\n\n'
PROMOTED = "1. a4 b5 2. axb5 a6 3. bxa6 Bb7 4. axb7 Nc6 5. bxa8=Q 1-0\n\n"
EVEN = '[WhiteElo "2000"]\n[BlackElo "2100"]\n\n1. e4 c5 2. e5 d5 0-1\n\n'
GAMES = {
    MATE: (
        "e4,e5;Bc4,Nc6;Qh5,Nf6;Qxf7#|1500|1620",
        "r1bqkb1r/pppp1Qpp/2n2n2/4p3/2B1P3/8/PPPP1PPP/RNB1K1NR b KQkq - 0 4",
    ),
    CASTLED: (
        "e4,e5;Nf3,Nc6;Bb5,a6;O-O|?|?",
        "r1bqkbnr/1ppp1ppp/p1n5/1B2p3/4P3/5N2/PPPP1PPP/RNBQ1RK1 b kq - 1 4",
    ),
    PASSING: (
        "e4,a6;e5,d5;exd6|900|?",
        "rnbqkbnr/1pp1pppp/p2P4/8/8/8/PPPP1PPP/RNBQKBNR b KQkq - 0 3",
    ),
    PROMOTED: (
        "a4,b5;axb5,a6;bxa6,Bb7;axb7,Nc6;bxa8=Q|?|?",
        "Q2qkbnr/2pppppp/2n5/8/8/8/1PPPPPPP/RNBQKBNR b KQk - 0 5",
    ),
    EVEN: (
        "e4,c5;e5,d5;|2000|2100",
        "rnbqkbnr/pp2pppp/8/2ppP3/8/8/PPPP1PPP/RNBQKBNR w KQkq d6 0 3",
    ),
}
ALL = "".join(GAMES)


@pytest.fixture
def written(tmp_path):
    def write(content, name="games.pgn", **config):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Chess(path=str(path), **{"length": 1, **config})

    return write


@pytest.fixture
def chess():
    return pytest.importorskip("chess")


def text(config, alphabet=ALPHABET):
    source = open_source(config)
    return "".join(alphabet[t] for t in source.read(np.arange(source.sequences)).ravel())


def lines(games, order="moves_first"):
    both = [GAMES[game] if order == "moves_first" else GAMES[game][::-1] for game in games]
    return "".join("|".join(parts) + "\n" for parts in both)


def complaint(config):
    with pytest.raises(DataError) as caught:
        open_source(config)
    return str(caught.value).removeprefix(f"{config.path}: ")


@pytest.mark.usefixtures("chess")
def test_an_alphabet_with_the_published_number_of_symbols_holds_the_same_games(written):
    config = written(ALL, alphabet="chess64")
    assert CHESS64.startswith(ALPHABET)
    assert text(config, CHESS64) == lines(GAMES)
    wide, narrow = open_source(config).info, open_source(written(ALL)).info
    assert (wide.vocab_size, narrow.vocab_size) == (64, 43)
    assert wide.fingerprint != narrow.fingerprint


@pytest.mark.parametrize("order", ["moves_first", "board_first"])
@pytest.mark.usefixtures("chess")
def test_moves_ratings_and_known_positions(written, order):
    config = written(ALL, order=order)
    assert text(config) == lines(GAMES, order)
    info = open_source(config).info
    assert info.vocab_size == len(ALPHABET) == len(set(ALPHABET)) == 43
    assert info.documents.spans[:, 0].max() == 4
    assert info.bytes_per_token is None
    assert info.entropy_rate_nats is None
    assert info.has_bos
    assert info.notes == ()


@pytest.mark.usefixtures("chess")
def test_both_orders_hold_the_same_games(written):
    one, other = (text(written(ALL, order=order)) for order in ("moves_first", "board_first"))
    assert sorted(one) == sorted(other)
    assert one != other
    infos = [
        open_source(written(ALL, name, order=order)).info
        for name, order in (("a.pgn", "moves_first"), ("b.pgn", "board_first"))
    ]
    assert len({info.fingerprint for info in infos}) == 2
    assert len(set.intersection(*(set(info.origins) for info in infos))) == 1  # a copy is known


def random_game(chess, rng, elo):
    """A game of random legal moves: as python-chess writes it in PGN, and its line."""
    game, board, moves = chess.pgn.Game(), chess.Board(), []
    game.headers.update({"WhiteElo": str(elo), "BlackElo": "2000", "Result": "1-0"})
    node = game
    for _ in range(rng.integers(1, 90)):
        legal = list(board.legal_moves)
        if not legal:
            break
        move, other = (legal[k] for k in rng.integers(len(legal), size=2))
        moves.append(board.san(move))
        board.push(move)
        before, node = node, node.add_variation(move)
        if rng.random() < 0.2:
            node.comment = "a (long) comment; [%clk 0:01:00] " * 4
            node.nags.add(3)
            if other != move:
                before.add_variation(other, comment="worse")
    pairs = ";".join(",".join(moves[k : k + 2]) for k in range(0, len(moves), 2))
    played = pairs + ";" * (len(moves) % 2 == 0)
    return f"{game}\n\n", f"{played}|{elo}|2000|{board.fen()}\n"


def test_random_games_as_another_writer_of_pgn_has_them(written, chess):
    pytest.importorskip("chess.pgn")
    rng = np.random.default_rng(0)
    games, expected = zip(*(random_game(chess, rng, 1000 + k) for k in range(40)), strict=True)
    config = written("".join(games))
    assert text(config) == "".join(expected)
    assert open_source(config).info.notes == ()


@pytest.mark.parametrize(
    ("limits", "kept", "note"),
    [
        ({"min_elo": 1500}, [MATE, EVEN], "3 of 5 games were left out: 3 without ratings"),
        (
            {"max_elo": 1999},
            [MATE],
            "4 of 5 games were left out: 3 without ratings, 1 outside the ratings asked for",
        ),
        ({"min_plies": 8}, [PROMOTED], "4 of 5 games were left out: 4 outside the plies"),
        ({"max_plies": 5}, [PASSING, EVEN], "3 of 5 games were left out: 3 outside the plies"),
        ({"games": 2}, [MATE, CASTLED], None),
        ({"games": 2, "max_plies": 5}, [PASSING, EVEN], "3 of 5 games"),
    ],
)
@pytest.mark.usefixtures("chess")
def test_limits(written, limits, kept, note):
    config = written(ALL, **limits)
    assert text(config) == lines(kept)
    notes = open_source(config).info.notes
    assert [each.removeprefix(f"{config.path}: ")[: len(note)] for each in notes] == (
        [note] if note else []
    )


@pytest.mark.usefixtures("chess")
def test_games_that_cannot_be_played_are_left_out_and_named(written):
    start = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
    usual = f'[FEN "{start}"]\n[WhiteElo "2000"]\n[BlackElo "2100"]\n' + EVEN.split("\n\n", 1)[1]
    strange = (
        '[FEN "4k3/8/8/8/8/8/8/4K3 w - - 0 1"]\n1. Kd1 *\n[Variant "Atomic"]\n1. e4 *\n'
        "1. e4 e5 2. Ke3 1-0\n1. e4 -- 1-0\n1. d4 d5"
    )
    config = written(ALL + usual + strange)
    assert text(config) == lines([*GAMES, EVEN])
    (note,) = open_source(config).info.notes
    first = len((ALL + usual).splitlines()) + 5
    assert note == (
        f"{config.path}: 5 of 11 games were left out: 2 of another variant or first position, 2 "
        "with a move that is not legal, 1 without a result; the first: "
        f"{config.path}: game in line {first}: illegal san: 'Ke3' in "
        "rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2"
    )


@pytest.mark.usefixtures("chess")
def test_moves_in_other_notations_read_the_same(written):
    other = MATE.replace("Nc6", "Nb8c6").replace("Qxf7", "Qh5xf7+")
    assert text(written(other)) == lines([MATE])


@pytest.mark.usefixtures("chess")
def test_compressed_files_several_files_and_held_out_games(written):
    zst = pyarrow.compress(ALL.encode(), codec="zstd", asbytes=True)
    for raw, name in ((gzip.compress(ALL.encode()), "g.pgn.gz"), (zst, "z.pgn.zst")):
        config = written(raw, name)
        assert text(config) == lines(GAMES)
        assert open_source(config).info.notes == (f"{config.path}: it was decompressed",)
    held = written(EVEN, "held.pgn")
    both = open_source(written(MATE, heldout=held.path, games=1))
    assert both.info.documents.heldout_from == len(lines([MATE]))
    assert both.sequences == len(lines([MATE, EVEN]))


@pytest.mark.usefixtures("chess")
def test_the_alphabet_is_part_of_the_fingerprint(written):
    default, again = open_source(written(ALL)), open_source(written(ALL, alphabet=ALPHABET[::-1]))
    assert default.info.fingerprint != again.info.fingerprint
    assert text(written(ALL, alphabet=ALPHABET[::-1]), ALPHABET[::-1]) == lines(GAMES)
    complained = complaint(written(ALL, alphabet=ALPHABET.replace("#", "")))
    assert complained.startswith("game 1 of those that are kept: '#' in line 1, column 27 is not")


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        ("", "games.pgn", "holds no game; there is nothing to measure"),
        ("1. e4 e5", "games.pgn", "all of its 1 games are left out: 1 without a result"),
        (
            "1. e5 *\n1. e4 *\n1. Nd4 *",
            "games.pgn",
            "most of its 3 games are no chess: 2 with a move that is not legal; the first: ",
        ),
        ("It was the best of times.", "games.pgn", "line 1: 'times.' is no move, comment or"),
        (ALL.encode("utf-16"), "games.pgn", "is UTF-16; convert it to UTF-8"),
        (gzip.compress(ALL.encode())[:-20], "games.pgn.gz", "is no whole gz file"),
    ],
)
@pytest.mark.usefixtures("chess")
def test_files_that_hold_no_games(written, content, name, sentence):
    assert complaint(written(content, name)).startswith(sentence)


@pytest.mark.usefixtures("chess")
def test_too_few_characters(written):
    said = f"has {len(lines([EVEN]))} tokens of its alphabet, less than one sequence of 512"
    assert complaint(written(EVEN, length=512)).startswith(said)


def test_without_python_chess_one_line_says_what_to_install(written, monkeypatch):
    monkeypatch.setitem(sys.modules, "chess", None)  # as where it is not installed
    with pytest.raises(ConfigError) as caught:
        open_source(written(ALL))
    assert str(caught.value) == (
        "kind: chess needs the package python-chess for final positions; "
        "pip install 'epiplexity-jax[chess]'"
    )


def test_limits_that_leave_nothing_are_refused():
    with pytest.raises(ConfigError) as caught:
        Chess(path="x", min_elo=2000, max_elo=1000)
    assert str(caught.value) == "max_elo: expected at least min_elo, 2000, got 1000"
