"""Questions about positions of chess: the last move of a puzzle, and the class of a value."""

import bisect
import csv
import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator, model_validator

from epiplexity_jax.base.compressed import open_decompressed
from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.characters import BYTES, CHARACTERS, Alphabet, Encoder, letters_of
from epiplexity_jax.sources.files.chess_text import ALPHABET, LeftOut, make_move, python_chess
from epiplexity_jax.sources.files.corpus import files_corpus
from epiplexity_jax.sources.files.paths import find_files
from epiplexity_jax.sources.ragged import Pieces, open_ragged
from epiplexity_jax.sources.spec import FiniteSource, HostSource
from epiplexity_jax.sources.token_array import readable

BOUNDS = (-600, -300, -150, -50, 50, 150, 300, 600)
_ENDINGS = (".csv", ".jsonl", ".ndjson")
_ILLEGAL = "with a position or a move that is not legal"
_CURE = "the alphabet of the members"
Question = Literal["puzzle", "value"]


class ChessQuestions(Config):
    """Questions about positions of chess, as characters: the last move of a puzzle, or a value.

    `puzzle` reads the puzzles of Lichess, a CSV file with columns FEN and Moves (in UCI notation):
    a sequence is `FEN|moves` as `chess` writes them, and only the last move, with the separator
    behind it, is paid for. `value` reads evaluations, a CSV file with columns fen and cp, or the
    JSON lines of Lichess (`fen` and `evals`, of which the deepest counts): a sequence is `FEN|` and
    one label, the class of the position's value in centipawns for White. A mate is beyond all
    bounds.

    Inputs have the symbols of `chess`, so a model that was trained on it, or on `random_chess`,
    reads them as it did, and `transfer` takes them as a target. The files are on
    database.lichess.org, under the licence CC0 1.0: `lichess_db_puzzle.csv.zst` and
    `lichess_db_eval.jsonl.zst`; they may stay compressed. Rows with an illegal position or move,
    and those longer than `length`, are left out; the results say how many. Legal moves need
    `pip install 'epiplexity-jax[chess]'` (python-chess, under the GPL).
    """

    kind: Literal["chess_questions"] = "chess_questions"
    path: str = Field(min_length=1)
    """The file, a pattern, or a folder with .csv or .jsonl files, relative to the current
    folder."""
    question: Question
    """`puzzle`: the last move of a puzzle; `value`: the class of a position's value."""
    least_rating: int | None = Field(default=None, ge=0)
    """Least rating of a puzzle, from its column Rating; the paper took puzzles above 2000."""
    bounds: tuple[int, ...] | None = Field(default=None, min_length=1, max_length=200)
    """Ascending bounds between the classes of a value, in centipawns for White; a class begins at
    its bound. Default: -600, -300, -150, -50, 50, 150, 300 and 600, which make 9 classes."""
    sequences: int | None = Field(default=None, ge=1)
    """Number of questions that are read, the first ones that are not left out; default: all."""
    alphabet: Alphabet = ALPHABET
    """The characters that are tokens: those of the source that the model was trained on."""
    length: int = Field(default=128, ge=2)
    """L, tokens of a sequence, at most those of the model's training; shorter ones are padded."""

    @field_validator("alphabet")
    @classmethod
    def _alphabet_is_known(cls, alphabet: str) -> str:
        if alphabet == CHARACTERS:
            raise ValueError("characters depends on the file; name the alphabet of the members")
        return alphabet

    @model_validator(mode="after")
    def _options_fit_the_question(self) -> "ChessQuestions":
        if self.question == "puzzle" and self.bounds is not None:
            raise ValueError("bounds: a puzzle has no classes; leave it out")
        if self.question == "value" and self.least_rating is not None:
            raise ValueError("least_rating: a value has no rating; leave it out")
        if self.bounds is not None and sorted(set(self.bounds)) != list(self.bounds):
            raise ValueError(f"bounds: expected ascending numbers, got {[*self.bounds]}")
        return self


class _Row(NamedTuple):
    """A row of a file: its line, the position, and the moves in UCI or the value for White."""

    line: int
    fen: str
    moves: str = ""
    centipawns: int = 0
    mate: int | None = None


@dataclasses.dataclass
class _Asked:
    """The questions that are kept, and the number of the others by reason.

    Attributes:
        encoder: encodes their text.
        given: characters of each that are not paid for.
        labels: class of each value.
        left_out: rows that were left out.
    """

    encoder: Encoder
    given: list[int] = dataclasses.field(default_factory=list)
    labels: list[int] = dataclasses.field(default_factory=list)
    left_out: LeftOut = dataclasses.field(
        default_factory=lambda: LeftOut("row", "to ask", _ILLEGAL)
    )


def open_chess_questions(config: ChessQuestions) -> HostSource:
    """Read the rows of every file in order, and play the moves of puzzles.

    Raises:
        ConfigError: when python-chess is missing.
        DataError: when a file is missing, damaged, lacks a column or holds a wrong value, when most
            of its positions or moves are not legal, or when no question is left.
    """
    chess = python_chess("chess_questions", "positions and moves")
    paths = find_files(config.path, _ENDINGS)
    files = files_corpus(paths, config.path, "auto", hashed=False)
    asked = _Asked(Encoder(letters_of(config.alphabet), "error", _CURE))
    for each in paths:
        with readable(each), open_decompressed(each) as file:
            _ask(chess, str(each), file, config, asked)
    left_out = asked.left_out.notes(config.path, len(asked.given))
    notes = (*files.notes, *left_out)
    return _source(config, asked, files.origins, notes)


def _source(
    config: ChessQuestions, asked: _Asked, origins: tuple[str, ...], notes: tuple[str, ...]
) -> HostSource:
    """Make a source of the questions: a value's label stands behind its text."""
    asked.encoder.flush()
    ends, symbols = np.array(asked.encoder.ends), len(letters_of(config.alphabet))
    symbols = 256 if config.alphabet == BYTES else symbols
    classes = len(config.bounds or BOUNDS) + 1
    tokens = asked.encoder.spool.tokens().astype(np.min_scalar_type(max(symbols, classes) - 1))
    starts = np.concatenate([[0], ends[:-1]])
    given = np.array(asked.given)
    if config.question == "value":
        tokens = np.insert(tokens, ends, asked.labels)
        shift = np.arange(len(ends))
        starts, ends = starts + shift, ends + shift + 1
    number = np.repeat(np.arange(len(ends)), ends - starts)
    paid = np.arange(len(tokens)) - starts[number] >= given[number]
    pieces = Pieces.of_rows(ends, config.length)
    most = max(symbols, classes) if config.question == "value" else symbols
    source = open_ragged(
        tokens, config.path, pieces, paid, vocab_size=most, origins=origins, cure=_CURE
    )
    facts: dict[str, Any] = {"notes": (*notes, *source.info.notes)}
    name = fingerprint("chess_questions", config.question, symbols, source.info.fingerprint)
    if config.question == "value":
        name = fingerprint(name, classes)
        facts |= {"vocab_size": classes, "input_vocab_size": symbols}
    info = dataclasses.replace(source.info, fingerprint=name, **facts)
    return FiniteSource(info, source.sequences, source.read)


def _ask(
    chess: Any, where: str, file: Iterable[bytes], config: ChessQuestions, asked: _Asked
) -> None:
    """Add the questions of a file, until there are so many in all."""
    lines = (raw.decode("utf-8-sig", "replace") for raw in file)
    for row in _rows(lines, where, config, asked):
        if len(asked.given) == config.sequences:
            return
        try:
            given, paid = _written(chess, row)
        except ValueError as error:  # python-chess's of a position or a move
            asked.left_out.add_illegal(f"{where}: line {row.line}: {error}")
            continue
        is_value = config.question == "value"
        if len(given) + len(paid) + is_value > config.length:
            asked.left_out.counts[f"longer than {config.length} tokens"] += 1
            continue
        asked.encoder.add((f"{where}: line {row.line}", [(given + paid).encode("ascii")]))
        asked.given.append(len(given))
        if is_value:
            asked.labels.append(_class(row, config.bounds or BOUNDS))


def _written(chess: Any, row: _Row) -> tuple[str, str]:
    """Write a question: what is given, and the last move, if it has moves.

    Raises:
        ValueError: python-chess's or ours, when the position or a move is not legal.
    """
    board = chess.Board(row.fen)
    if not board.is_valid():
        raise ValueError(f"no legal position: {row.fen!r}")
    text, last = board.fen() + "|", ""
    for uci in row.moves.split():
        move = board.parse_uci(uci)
        if not move:
            raise ValueError(f"{uci!r} makes no move")
        text, last = text + last, "".join(make_move(board, move))
    return text, last


def _class(row: _Row, bounds: tuple[int, ...]) -> int:
    """Number of bounds that a value for White reaches; mate 0 is of the side that is to move."""
    if row.mate is None:
        return bisect.bisect_right(bounds, row.centipawns)
    for_white = row.mate > 0 or row.mate == 0 and row.fen.split()[1] == "b"
    return len(bounds) if for_white else 0


def _rows(
    lines: Iterator[str], where: str, config: ChessQuestions, asked: _Asked
) -> Iterator[_Row]:
    """Read the rows of a file whose first character tells its format; leave out low ratings."""
    first = next(lines, "")
    whole = (line for part in ([first], lines) for line in part)
    if config.question == "puzzle":
        yield from _puzzles(whole, where, config.least_rating, asked)
    elif first.lstrip().startswith("{"):
        yield from _evaluations(whole, where)
    else:
        for line, (fen, value) in _table(whole, where, ("fen", "cp")):
            yield _Row(line, fen, centipawns=_integer(value, "cp", f"{where}: line {line}"))


def _puzzles(lines: Iterable[str], where: str, least: int | None, asked: _Asked) -> Iterator[_Row]:
    """Read puzzles: a position and two moves or more."""
    columns = ("FEN", "Moves") if least is None else ("FEN", "Moves", "Rating")
    for line, (fen, moves, *rating) in _table(lines, where, columns):
        if not moves.split():
            raise DataError(f"{where}: line {line} has no move; expected moves such as e2e4 e7e5")
        if least is not None and _integer(rating[0], "Rating", f"{where}: line {line}") < least:
            asked.left_out.counts["below the rating asked for"] += 1
            continue
        yield _Row(line, fen, moves)


def _table(
    lines: Iterable[str], where: str, columns: tuple[str, ...]
) -> Iterator[tuple[int, list[str]]]:
    """Read columns of a CSV file, whatever the case of their names: line and values."""
    reader = csv.reader(lines)
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        if not head:
            raise DataError(f"{where}: holds no row; there is nothing to ask")
        missing = [name for name in columns if name.lower() not in head]
        if missing:
            raise DataError(
                f"{where}: has no column {missing[0]}; expected {', '.join(columns)} in its first "
                "line"
            )
        places = [head.index(name.lower()) for name in columns]
        for row in filter(None, reader):
            if len(row) <= max(places):
                raise DataError(
                    f"{where}: line {reader.line_num} has {len(row)} columns, and its first line "
                    f"{len(head)}; mend or drop it"
                )
            yield reader.line_num, [row[place] for place in places]
    except csv.Error as error:
        raise DataError(f"{where}: line {reader.line_num} is no CSV: {error}") from None


def _evaluations(lines: Iterable[str], where: str) -> Iterator[_Row]:
    """Read evaluations of Lichess, a JSON object a line; the deepest of each counts."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            deepest = max(row["evals"], key=lambda one: one.get("depth", 0))
            best, fen = deepest["pvs"][0], str(row["fen"])
            mate = int(best["mate"]) if "mate" in best else None
            value = int(best["cp"]) if mate is None else 0
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise DataError(
                f"{where}: line {number} is no evaluation; expected a JSON object with fen and "
                "evals, of which each has pvs with cp or mate"
            ) from None
        yield _Row(number, fen, centipawns=value, mate=mate)


def _integer(value: str, column: str, where: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise DataError(f"{where}: {column}: expected an integer, got {value!r}") from None
