"""Games of chess in PGN files as text: moves and final position, in two orders."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from epiplexity_jax.base.compressed import open_decompressed
from epiplexity_jax.base.config import Config
from epiplexity_jax.sources.files.characters import Alphabet
from epiplexity_jax.sources.files.chess_text import (
    ALPHABET,
    UNKNOWN,
    GameLines,
    LeftOut,
    Order,
    make_move,
    moves_text,
    python_chess,
)
from epiplexity_jax.sources.files.corpus import Corpus, TextOptions, files_corpus, open_corpus
from epiplexity_jax.sources.files.paths import find_files
from epiplexity_jax.sources.files.pgn import PgnGame, read_games
from epiplexity_jax.sources.spec import HostSource
from epiplexity_jax.sources.token_array import readable

_START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
_ILLEGAL = "with a move that is not legal"


class Chess(Config):
    """Games of chess in PGN files, as characters: moves, ratings and the final position.

    Each game is a line `moves|WElo|BElo|FEN`, or `FEN|moves|WElo|BElo`. Moves are `e4,e5;Nf3,Nc6;`
    in standard algebraic notation, a comma between White's and Black's and a semicolon behind both;
    WElo and BElo are the players' ratings, `?` where a header does not say; FEN is the position
    behind the last move, in full. Lines are joined end to end and cut into sequences, so the two
    orders hold the same characters.

    Comments, variations and all other headers are left out. So are games outside the limits below,
    games without a result, from another position than the usual one, or with a move that is not
    legal; the results say how many. The position needs `pip install 'epiplexity-jax[chess]'`
    (python-chess, under the GPL); a million plies take 80 seconds. Files may be compressed.

    The code of Finzi et al. 2026 has 54 symbols, which its model pads to 64: these 43, eight
    characters that no line here holds, `b` again, and a begin and an end of a game, which stand
    where a line ends here. It keeps the comma behind a last move of White's, too. So an untrained
    model pays 6 bits a character there, and log2 43, which is 5.43, here. With
    `alphabet: chess64` the 43, the eight and 13 more that never come make V 64.
    """

    kind: Literal["chess"] = "chess"
    path: str = Field(min_length=1)
    """The file, a pattern such as `lichess_*.pgn.zst`, or a folder, relative to the current
    folder."""
    heldout: str | None = Field(default=None, min_length=1)
    """File, pattern or folder of your own held-out games: they alone are held out, and all of
    `path` is trained on."""
    order: Order = "moves_first"
    """`moves_first`: moves, ratings, final position; `board_first`: the position first."""
    min_elo: int | None = Field(default=None, ge=0)
    """Least rating of both players; games without ratings are then left out."""
    max_elo: int | None = Field(default=None, ge=0)
    """Largest rating of both players; games without ratings are then left out."""
    min_plies: int = Field(default=1, ge=1)
    """Least number of plies of a game."""
    max_plies: int | None = Field(default=None, ge=1)
    """Largest number of plies of a game."""
    games: int | None = Field(default=None, ge=1)
    """Number of games that are read of `path`, the first ones that are not left out; default:
    all."""
    alphabet: Alphabet = ALPHABET
    """The characters that are tokens, in this order, or `chess64`, `ascii96`, `bytes` or
    `characters` (all that occur); default: the 43 that games can hold, so that any two files have
    the same."""
    length: int = Field(default=512, ge=1)
    """L, tokens of a sequence."""

    @model_validator(mode="after")
    def _limits_leave_something(self) -> "Chess":
        for name, least, largest in (
            ("max_elo", self.min_elo, self.max_elo),
            ("max_plies", self.min_plies, self.max_plies),
        ):
            if least is not None and largest is not None and largest < least:
                short = name.removeprefix("max_")
                raise ValueError(f"{name}: expected at least min_{short}, {least}, got {largest}")
        return self


def open_chess(config: Chess) -> HostSource:
    """Read the games of every file in order, and play them out.

    Their text above 1 GiB lies in a temporary file, not in memory. It is not the original data, so
    there are no bits per byte.

    Raises:
        ConfigError: when python-chess is missing.
        DataError: when a file is missing, damaged, a Git LFS pointer or no PGN, when most of its
            games have moves that are not legal, or when too little is left of it.
    """
    chess = python_chess("chess", "final positions")
    options = TextOptions(config.alphabet, "error", config.length)
    heldout = None
    if config.heldout is not None:
        heldout = _corpus(chess, config.heldout, config, None)
    return open_corpus(_corpus(chess, config.path, config, config.games), options, heldout)


class _Kept(NamedTuple):
    """The games that are kept, and the number of the others by reason.

    Attributes:
        lines: lines of the games.
        left_out: games that were left out.
    """

    lines: GameLines
    left_out: LeftOut


def _corpus(chess: Any, path: str, config: Chess, most: int | None) -> Corpus:
    """Play out the games of some files: each line is a document."""
    paths = find_files(path, (".pgn",))
    files = files_corpus(paths, path, "auto", hashed=False)
    kept = _Kept(GameLines(config.order), LeftOut("game", "to measure", _ILLEGAL))
    for each in paths:
        with readable(each), open_decompressed(each) as file:
            _keep(chess, str(each), file, config, most, kept)
    notes = kept.left_out.notes(path, len(kept.lines))
    return kept.lines.corpus(path, files.origins, (*files.notes, *notes))


def _keep(
    chess: Any, where: str, file: Iterable[bytes], config: Chess, most: int | None, kept: _Kept
) -> None:
    """Add the games of a file, until there are so many in all."""
    for game in read_games(file, where):
        if most is not None and len(kept.lines) >= most:
            return
        reason = _reason(game, config)
        if reason:
            kept.left_out.counts[reason] += 1
            continue
        try:
            played = _played(chess, game)
        except ValueError as error:  # python-chess's of a move
            kept.left_out.add_illegal(f"{where}: game in line {game.line}: {error}")
        else:
            kept.lines.add(played[0], _ratings(game), played[1])


def _reason(game: PgnGame, config: Chess) -> str | None:
    """Say why a game is left out, before its moves are made; None for one that is kept."""
    if game.result is None:
        return "without a result"
    headers = game.headers
    usual = headers.get("Variant", "Standard").lower() in ("standard", "chess")
    if not usual or headers.get("FEN", _START) != _START:
        return "of another variant or first position"
    if not _between(len(game.moves), config.min_plies, config.max_plies):
        return "outside the plies asked for"
    if config.min_elo is None and config.max_elo is None:
        return None
    ratings = _ratings(game)
    if UNKNOWN in ratings:
        return "without ratings"
    inside = all(_between(int(rating), config.min_elo, config.max_elo) for rating in ratings)
    return None if inside else "outside the ratings asked for"


def _between(value: int, least: int | None, largest: int | None) -> bool:
    """Return whether a value is within limits, both included; None is no limit."""
    return (least is None or value >= least) and (largest is None or value <= largest)


def _ratings(game: PgnGame) -> tuple[str, str]:
    """Ratings of White and Black in digits, or `?`."""

    def rating(name: str) -> str:
        value = game.headers.get(name, "").strip()
        return value if value.isascii() and value.isdigit() else UNKNOWN

    return rating("WhiteElo"), rating("BlackElo")


def _played(chess: Any, game: PgnGame) -> tuple[str, str]:
    """Play a game out: its moves, and its final position.

    Raises:
        ValueError: python-chess's, when a move is not legal.
    """
    board, moves = chess.Board(), []
    for text in game.moves:
        move = board.parse_san(text)
        if not move:
            raise ValueError(f"{text!r} makes no move")
        moves.append(make_move(board, move))
    return moves_text(moves), board.fen()
