"""PGN: headers, moves, comments, variations, and text that is no PGN."""

import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.pgn import PgnGame, read_games

LICHESS = """\
[Event "Rated Blitz game"]
[White "a "b" c"]
[WhiteElo "1500"]

1. e4 { [%eval 0.2] [%clk 0:03:00] } 1... e5 { a comment
over lines (with a bracket } 2. Nf3!? $1 $14 ( 2. f4 exf4 (2... d5 {deep} 3. exd5) 3. Bc4 1-0 )
2... Nc6?? ; to the end of the line } ) {
% an escape [Event "no"] {
3. Bb5 1/2-1/2

"""


def read(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(read_games(raw.splitlines(keepends=True), "x.pgn"))


def complaint(text):
    with pytest.raises(DataError) as caught:
        read(text)
    return str(caught.value)


def test_moves_of_play_alone():
    headers = {"Event": "Rated Blitz game", "White": 'a "b" c', "WhiteElo": "1500"}
    moves = ["e4", "e5", "Nf3", "Nc6", "Bb5"]
    assert read(LICHESS) == [PgnGame(1, headers, moves, "1/2-1/2")]


def test_games_follow_each_other():
    games = read(LICHESS + LICHESS + '1.d4 d5 0-1 1. c4 *\r\n[Event "z"]\r\n\r\n1. O-O-O 0-0 1-0')
    assert [game.line for game in games] == [1, 11, 21, 21, 22]
    assert [game.moves for game in games[2:]] == [["d4", "d5"], ["c4"], ["O-O-O", "0-0"]]
    assert [game.result for game in games[2:]] == ["0-1", "*", "1-0"]
    assert [game.headers for game in games[2:]] == [{}, {}, {"Event": "z"}]


def test_every_way_to_write_a_move():
    moves = ["e8=Q+", "exd6", "Nbd7", "R1a3", "Qh4xe1#", "O-O-O+", "0-0", "0-0-0#"]
    moves += ["--", "Z0", "bxa8=N#"]
    assert read(f"1.{' '.join(moves)} *")[0].moves == moves
    assert read("12...a6! 13.exd6 e.p. 13... h5!! *")[0].moves == ["a6", "exd6", "h5"]


def test_a_game_without_a_result_is_known_as_such():
    one, two = read('[A "1"]\n1. e4 e5\n[A "2"]\n\n1. d4 1-0')
    assert (one.moves, one.result, two.moves) == (["e4", "e5"], None, ["d4"])
    assert [game.result for game in read("1. e4 e5 2. N")] == [None]  # cut off
    assert [game.result for game in read('[A "1"]\n')] == [None]
    assert read("") == []
    assert read("\n \n") == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_names_may_be_in_any_encoding_with_ascii(encoding):
    text = '[White "Müller"]\n\n1. e4 {schön} 1-0\n'
    (game,) = read(text.encode(encoding))
    assert (game.line, game.moves, game.result) == (1, ["e4"], "1-0")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1. e4 {no end\n1. d4 1-0", "x.pgn: the comment in line 1 does not end before the text"),
        (
            '1. e4 {no end\n1-0\n\n[Event "b"]\n\n1. d4 {one} 1-0',
            "x.pgn: the comment in line 1 does not end before the header in line 4; mend the game",
        ),
        ("1. e4\n(1. d4", "x.pgn: the variation in line 2 does not end before the text does"),
        ("1. e4 ) e5", "x.pgn: line 1: ')' is no end of a variation, as none began"),
        ('[Event "x]\n', 'x.pgn: line 1: \'[Event "x]\' is no header, which is [Name "value"]'),
        ("1. e4 <e5> *", "x.pgn: line 1: '<e5> *' is no move, comment or result of a game"),
        ("1. e4\n1. ♞f3 *", "x.pgn: line 2: '♞f3 *' is no move"),
        ("1. e4".encode("utf-16"), "x.pgn: is UTF-16; convert it to UTF-8"),
        (b"1. e4 \0 1-0", "x.pgn: line 1 holds a zero byte, so it is no PGN"),
        ('{"moves": "e4"}\n"' + "x" * 50, "x.pgn: line 2: '\"xxxxxxxxxxxxxxxxxxx...' is no move"),
    ],
)
def test_what_is_no_pgn(text, sentence):
    assert complaint(text).startswith(sentence)
