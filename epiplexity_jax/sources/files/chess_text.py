"""The text of games of chess: its characters, the notation of moves, and the lines of games."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np

from epiplexity_jax.base.digest import bytes_digest
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources.files.characters import CHESS, Document, Spool
from epiplexity_jax.sources.files.corpus import Corpus

ALPHABET = CHESS
UNKNOWN = "?"  # PGN's value of a header that is not known
_MOST_ILLEGAL = 0.5  # share of the rows: what is left is no reading of the file
_KNOWN_BY = 16  # first games, by which a file is known
Order = Literal["moves_first", "board_first"]


def python_chess(kind: str, purpose: str) -> Any:
    """Import python-chess.

    Args:
        kind: the kind of source that needs it.
        purpose: the things that it is needed for.

    Raises:
        ConfigError: when it is not installed.
    """
    try:
        import chess
    except ImportError:
        raise ConfigError(
            f"kind: {kind} needs the package python-chess for {purpose}; "
            "pip install 'epiplexity-jax[chess]'"
        ) from None
    return chess


def make_move(board: Any, move: Any) -> tuple[str, str]:
    """Make a move on python-chess's board: its notation, and the separator behind it.

    Args:
        board: the board, which is changed.
        move: a legal move.
    """
    separator = "," if board.turn else ";"
    return board.san_and_push(move), separator


def moves_text(moves: Iterable[tuple[str, str]]) -> str:
    """Join the moves of a game: `,` behind White's, `;` behind Black's, none behind a last White's.

    >>> moves_text([("e4", ","), ("e5", ";"), ("Nf3", ",")])
    'e4,e5;Nf3'
    """
    return "".join(part for move in moves for part in move).removesuffix(",")


@dataclasses.dataclass
class LeftOut:
    """Rows of files of chess that are not read, by reason.

    Attributes:
        what: name of a row, such as game.
        use: what rows are for, such as to measure.
        illegal: the reason of those that are not legal.
        counts: number of them by the reason why.
        first_illegal: place of the first position or move that is not legal.
    """

    what: str
    use: str
    illegal: str
    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    first_illegal: str = ""

    def add_illegal(self, place: str) -> None:
        """Count a row that is not legal.

        Args:
            place: its file, its line and the error.
        """
        self.counts[self.illegal] += 1
        self.first_illegal = self.first_illegal or place

    def notes(self, path: str, kept: int) -> tuple[str, ...]:
        """Say how many were left out and why.

        Args:
            path: the files.
            kept: number of rows that are read.

        Raises:
            DataError: when there is no row, no row is kept, or most are not legal.
        """
        total = kept + self.counts.total()
        if not total:
            raise DataError(f"{path}: holds no {self.what}; there is nothing {self.use}")
        why = ", ".join(f"{count:,} {reason}" for reason, count in self.counts.most_common())
        first = f"; the first: {self.first_illegal}" if self.first_illegal else ""
        all_ = f"{total:,} {self.what}s"
        if self.counts[self.illegal] > _MOST_ILLEGAL * total:
            raise DataError(f"{path}: most of its {all_} are no chess: {why}{first}")
        if not kept:
            raise DataError(f"{path}: all of its {all_} are left out: {why}{first}")
        if not self.counts:
            return ()
        return (f"{path}: {self.counts.total():,} of {all_} were left out: {why}{first}",)


class GameLines:
    """Lines of games, added one by one.

    Args:
        order: the half of a line that stands first.
    """

    def __init__(self, order: Order):
        self._order = order
        self._text = Spool(np.dtype(np.uint8))
        self._ends: list[int] = []
        self._first: list[str] = []

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, moves: str, ratings: tuple[str, str], position: str) -> None:
        """Add a game.

        Args:
            moves: its moves, as `moves_text` has them.
            ratings: those of White and Black.
            position: the final position.
        """
        played = "|".join([moves, *ratings])
        parts = (played, position) if self._order == "moves_first" else (position, played)
        self._text.add(("|".join(parts) + "\n").encode("ascii"))
        self._ends.append(self._text.count)
        if len(self._first) < _KNOWN_BY:
            self._first.append(f"{played}|{position};")

    def corpus(self, where: str, origins: tuple[str, ...], notes: tuple[str, ...] = ()) -> Corpus:
        """Make a corpus of the lines, each a document; its origins hold the first games too.

        Args:
            where: name of the games.
            origins: names of the data that they are of.
            notes: on how they were read.
        """
        text, ends = self._text.tokens(), self._ends

        def documents() -> Iterator[Document]:
            start = 0
            for number, end in enumerate(ends, start=1):
                yield f"{where}: game {number} of those that are kept", [text[start:end].tobytes()]
                start = end

        origins = (*origins, bytes_digest(self._first))
        return Corpus(documents, where, origins, notes, lossless=False)
