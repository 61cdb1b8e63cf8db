"""Questions about positions of chess: the text, the label, and what is refused."""

import gzip
import json
import sys
from typing import Any

import numpy as np
import pyarrow
import pytest

from epiplexity_jax import sources
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.families.spec import Task
from epiplexity_jax.probing.options import TransferOptions
from epiplexity_jax.probing.target import open_target, target_task
from epiplexity_jax.sources import Chess, ChessQuestions, RandomChess, open_source
from epiplexity_jax.sources.files.chess_text import ALPHABET
from epiplexity_jax.sources.spec import MaskedTokens

HEAD = "PuzzleId,FEN,Moves,Rating,RatingDeviation\n"
MATE = "q3k1nr/1pp1nQpp/3p4/1P2p3/4P3/B1PP1b2/B5PP/5K2 b k - 0 17"
PAWNS = "Q1b2r1k/p2np2p/5bp1/q7/5P2/4B3/PPP3PP/2KR1R2 w - - 1 17"
PUZZLES = {
    f"00sHx,{MATE},e8d7 a2e6 d7d8 f7f8,1760,80": (f"{MATE}|Kd7;Be6+,Kd8;", "Qf8#,"),
    f"00sJb,{PAWNS},d1d7 a5e1 d7d1 e1e3 c1b1 e3b6,2235,76": (
        f"{PAWNS}|Rxd7,Qe1+;Rd1,Qxe3+;Kb1,",
        "Qb6;",
    ),
}
ALL = HEAD + "\n".join(PUZZLES)
START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
BLACK = "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq -"  # as Lichess writes it


@pytest.fixture(autouse=True)
def _chess(request):
    if "without_python_chess" not in request.node.name:
        pytest.importorskip("chess")


@pytest.fixture
def written(tmp_path):
    def write(content, question="puzzle", name="rows.csv", **config):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return ChessQuestions(path=str(path), question=question, **config)

    return write


def read(config):
    """Text that is given and the labels of every sequence."""
    source: Any = open_source(config)
    batch = source.read(np.arange(source.sequences))
    if not isinstance(batch, MaskedTokens):
        batch = MaskedTokens(batch, np.broadcast_to(source.info.label_mask, batch.shape))
    rows = []
    for tokens, mask in zip(batch.tokens, batch.mask, strict=True):
        first = int(mask.argmax())
        last = first + int(mask.sum())
        assert mask[first:last].all()
        assert not tokens[last:].any()
        given = "".join(ALPHABET[t] for t in tokens[:first])
        rows.append((given, tokens[first:last].tolist()))
    return rows


def words(rows):
    return [(given, "".join(ALPHABET[t] for t in paid)) for given, paid in rows]


def complaint(config):
    with pytest.raises(DataError) as caught:
        open_source(config)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{config.path}: ")


def test_a_puzzle_pays_for_its_last_move(written):
    config = written(ALL)
    assert words(read(config)) == list(PUZZLES.values())
    info = open_source(config).info
    assert (info.vocab_size, info.input_vocab_size, info.length) == (43, None, 128)
    assert info.mean_labels == np.mean([len(paid) for _, paid in PUZZLES.values()])
    assert not info.has_bos
    assert [note for note in info.notes if "left out" in note] == []


def test_compressed_puzzles_several_files_and_limits(written):
    first, second = PUZZLES.values()
    zst = pyarrow.compress(ALL.encode(), codec="zstd", asbytes=True)
    assert words(read(written(zst, name="p.csv.zst"))) == [first, second]
    assert words(read(written(gzip.compress(ALL.encode()), name="p.csv.gz"))) == [first, second]
    assert words(read(written(ALL, sequences=1))) == [first]
    config = written(ALL, least_rating=2000)
    assert words(read(config)) == [second]
    note = f"{config.path}: 1 of 2 rows were left out: 1 below the rating asked for"
    assert note in open_source(config).info.notes
    config = written(ALL, length=80)
    assert words(read(config)) == [first]
    assert "1 longer than 80 tokens" in open_source(config).info.notes[0]


def test_a_folder_gives_its_csv_and_json_files_alone(written, tmp_path):
    written(ALL)
    (tmp_path / "readme.md").write_text("no CSV")
    config = ChessQuestions(path=str(tmp_path), question="puzzle")
    assert words(read(config)) == list(PUZZLES.values())


def test_rows_that_cannot_be_played_are_left_out_and_named(written):
    config = written(f"{ALL}\nbad,{START},e2e5 e7e5,1500,80")
    assert words(read(config)) == list(PUZZLES.values())
    (note,) = [one for one in open_source(config).info.notes if "left out" in one]
    assert note.startswith(
        f"{config.path}: 1 of 3 rows were left out: 1 with a position or a move that is not legal; "
        f"the first: {config.path}: line 4: illegal uci: 'e2e5' in {START}"
    )


@pytest.mark.parametrize(
    ("centipawns", "label"),
    [(-900, 0), (-600, 1), (-51, 3), (-50, 4), (0, 4), (49, 4), (50, 5), (599, 7), (600, 8)],
)
def test_a_value_pays_for_its_class(written, centipawns, label):
    config = written(f"cp,FEN\n{centipawns},{START}\n", "value")
    assert read(config) == [(f"{START}|", [label])]
    info = open_source(config).info
    assert (info.vocab_size, info.input_vocab_size, info.label_tokens) == (9, 43, 1)


def line(fen, *evaluations):
    evals = [{"depth": depth, "pvs": [best, {"cp": 1}]} for depth, best in evaluations]
    return json.dumps({"fen": fen, "evals": evals}) + "\n"


def test_evaluations_of_lichess_take_the_deepest_and_mates_are_beyond_bounds(written):
    content = (
        line(START, (20, {"cp": -700}), (30, {"cp": 20}), (25, {"cp": 700}))
        + line(BLACK, (20, {"mate": 5}))
        + "\n"
        + line(BLACK, (20, {"mate": -2}))
        + line(BLACK, (20, {"mate": 0}))
    )
    config = written(content, "value", "e.jsonl", bounds=[-100, 100])
    whole = BLACK + " 0 1|"
    assert read(config) == [(f"{START}|", [1]), (whole, [2]), (whole, [0]), (whole, [2])]
    assert open_source(config).info.vocab_size == 3


def test_texts_begin_like_a_game_with_its_board_first(written, tmp_path):
    (tmp_path / "g.pgn").write_text("1. e4 *\n\n")
    game: Any = open_source(Chess(path=str(tmp_path / "g.pgn"), order="board_first", length=1))
    game = "".join(ALPHABET[t] for t in game.read(np.arange(game.sequences)).ravel())
    ((given, _),) = read(written(f"fen,cp\n{BLACK},1\n", "value"))
    assert game.startswith(given)


@pytest.mark.parametrize("question", ["puzzle", "value"])
def test_transfer_takes_it_as_a_target_of_members_of_chess(written, question):
    learnt = Task.of(open_source(RandomChess(games=50)).info)
    rows = [f"{START[:-1]}{k},e2e4 e7e5,{k},{k * 9}" for k in range(1, 200)]
    config = written("FEN,Moves,Rating,cp\n" + "\n".join(rows), question)
    target = open_target(config, TransferOptions(steps=2, batch_size=8, heldout_tokens=16))
    task, start = target_task(learnt, target.info)
    assert start == len(ALPHABET)
    assert task.input_length <= learnt.input_length
    assert task.labels_vary
    small = written("FEN,Moves,Rating,cp\n" + "\n".join(rows), question, alphabet="ascii96")
    with pytest.raises(ConfigError, match="have 96 symbols and the members were trained on 43"):
        target_task(learnt, open_source(small).info)


@pytest.mark.parametrize(
    ("content", "question", "sentence"),
    [
        ("", "puzzle", "holds no row; there is nothing to ask"),
        ("", "value", "holds no row; there is nothing to ask"),
        (HEAD, "puzzle", "holds no row; there is nothing to ask"),
        ("fen,moves\n", "value", "has no column cp; expected fen, cp in its first line"),
        ("fen,cp\n", "puzzle", "has no column Moves; expected FEN, Moves in its first line"),
        (f"FEN,Moves\n{START}\n", "puzzle", "line 2 has 1 columns, and its first line 2; mend or"),
        (f"FEN,Moves\n{START},\n", "puzzle", "line 2 has no move; expected moves such as e2e4"),
        (f"fen,cp\n{START},1.5\n", "value", "line 2: cp: expected an integer, got '1.5'"),
        ("fen,cp\n8/8 w,1\n", "value", "most of its 1 rows are no chess: 1 with a position"),
        ("fen,cp\n8/8/8/8/8/8/8/8 w - - 0 1,1\n", "value", "most of its 1 rows are no chess"),
        (f"FEN,Moves\n{START},e2e9\n", "puzzle", "most of its 1 rows are no chess: 1 with"),
        (f"FEN,Moves\n{START},0000\n", "puzzle", "most of its 1 rows are no chess: 1 with"),
        ('{"fen": 1}\n', "value", "line 1 is no evaluation; expected a JSON object with fen and"),
        (line(START) + "[]\n", "value", "line 1 is no evaluation; expected a JSON object"),
        (gzip.compress(ALL.encode())[:-20], "puzzle", "is no whole gz file"),
    ],
)
def test_files_without_questions(written, content, question, sentence):
    assert complaint(written(content, question)).startswith(sentence)


def test_ratings_that_are_missing_or_no_numbers(written):
    config = written(f"FEN,Moves\n{START},e2e4 e7e5\n", least_rating=2000)
    assert complaint(config).startswith("has no column Rating; expected FEN, Moves, Rating in its")
    config = written(f"FEN,Moves,Rating\n{START},e2e4 e7e5,good\n", least_rating=2000)
    assert complaint(config) == "line 2: Rating: expected an integer, got 'good'"
    config = written(ALL, least_rating=2500)
    assert complaint(config) == "all of its 2 rows are left out: 2 below the rating asked for"


def test_a_character_outside_the_alphabet_is_named(written):
    said = complaint(written(ALL, alphabet=ALPHABET.replace("#", "")))
    assert said.startswith("line 2: '#' in line 1, column ")
    assert said.endswith("is not in the alphabet; use the alphabet of the members")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"question": "puzzle", "bounds": [0]}, "bounds: a puzzle has no classes; leave it out"),
        ({"question": "value", "least_rating": 1}, "least_rating: a value has no rating; leave"),
        ({"question": "value", "bounds": [5, 5]}, "bounds: expected ascending numbers, got [5, 5]"),
        ({"question": "value", "alphabet": "characters"}, "alphabet: characters depends on the"),
    ],
)
def test_options_that_do_not_fit_are_refused(config, said):
    with pytest.raises(ConfigError) as caught:
        sources.ChessQuestions(path="x", **config)
    assert str(caught.value).startswith(said)


def test_without_python_chess_one_line_says_what_to_install(written, monkeypatch):
    monkeypatch.setitem(sys.modules, "chess", None)  # as where it is not installed
    with pytest.raises(ConfigError, match="^kind: chess_questions needs the package python-chess"):
        open_source(written(ALL))
