"""Games in PGN (portable game notation), read one after another: headers and moves of play."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn

from epiplexity_jax.base.errors import DataError

_HEADER = re.compile(r'\[\s*(\w+)\s+"(.*)"\s*\]\s*$')
_TOKEN = re.compile(
    r"(?P<skip>\s+|\$\d+|e\.p\.|[!?]+)"
    r"|(?P<comment>\{)|(?P<rest>;.*)|(?P<open>\()|(?P<close>\))"
    r"|(?P<result>(?:1-0|0-1|1/2-1/2|\*)(?![\w/-]))"
    r"|(?P<move>(?:[A-Za-z][A-Za-z0-9+#=:-]*|0-0(?:-0)?[+#]?|--)(?=[\s{}();$!?]|$))"
    r"|(?P<number>\d+(?:\.+|(?=\s|$))|\.+)"
)
_SHOWN = 20  # characters of what is no PGN


class PgnGame(NamedTuple):
    """A game as it is written, without its comments and variations.

    Attributes:
        line: first line of it, from 1.
        headers: values of its headers by name.
        moves: moves in turn, without `!` and `?`.
        result: `1-0`, `0-1`, `1/2-1/2` or `*`; None where the text ends before it.
    """

    line: int
    headers: dict[str, str]
    moves: list[str]
    result: str | None


def read_games(lines: Iterable[bytes], where: str) -> Iterator[PgnGame]:
    """Read games line by line; moves are not checked.

    Names and comments may be in any encoding that holds ASCII, as only ASCII is used.

    Args:
        lines: lines of a file.
        where: its name, for messages.

    Raises:
        DataError: when a line is no PGN, or a comment or variation has no end.
    """
    reader = _Reader(where)
    for number, raw in enumerate(lines, start=1):
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff") and number == 1:
            raise DataError(f"{where}: is UTF-16; convert it to UTF-8")
        if b"\0" in raw:
            raise DataError(f"{where}: line {number} holds a zero byte, so it is no PGN")
        text = raw.decode("utf-8", "replace")
        yield from reader.read(number, text.removeprefix("\ufeff") if number == 1 else text)
    yield from reader.close()


class _Reader:
    """The game being read, and the comment or variation that the next line is in."""

    def __init__(self, where: str):
        self._where = where
        self._comment = 0  # line in which it began; 0: none
        self._variations: list[int] = []  # lines in which those that are open began
        self._forget()

    def _forget(self) -> None:
        self._line, self._begun = 0, False
        self._headers: dict[str, str] = {}
        self._moves: list[str] = []

    def read(self, number: int, text: str) -> Iterator[PgnGame]:
        """Read a line, and give the games that end in it."""
        header = _HEADER.match(text)
        if header and (self._comment or self._variations):
            self._refuse_open(f"before the header in line {number}")
        if not self._comment and not self._variations:
            if text.startswith("%"):  # an escape, which PGN reserves for other programs
                return
            if text.startswith("["):
                yield from self._read_header(number, text, header)
                return
        yield from self._read_moves(number, text)

    def close(self) -> Iterator[PgnGame]:
        """Give the game that has no result, where the text ends in one."""
        if self._comment or self._variations:
            self._refuse_open("before the text does")
        yield from self._unfinished()

    def _refuse_open(self, when: str) -> NoReturn:
        what, line = "comment", self._comment
        if not line:
            what, line = "variation", self._variations[0]
        raise DataError(
            f"{self._where}: the {what} in line {line} does not end {when}; mend the game, or cut "
            "the file before it"
        )

    def _unfinished(self) -> Iterator[PgnGame]:
        if self._line:
            yield PgnGame(self._line, self._headers, self._moves, None)
        self._forget()

    def _read_header(
        self, number: int, text: str, header: re.Match[str] | None
    ) -> Iterator[PgnGame]:
        if header is None:
            self._refuse(number, text, 'header, which is [Name "value"]')
        if self._begun:
            yield from self._unfinished()
        self._line = self._line or number
        self._headers[header[1]] = header[2]

    def _refuse(self, number: int, text: str, what: str) -> NoReturn:
        shown = text.strip()
        shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
        raise DataError(f"{self._where}: line {number}: {shown!r} is no {what}")

    def _read_moves(self, number: int, text: str) -> Iterator[PgnGame]:
        at = 0
        while at < len(text):
            if self._comment:
                end = text.find("}", at)
                if end < 0:
                    return
                self._comment, at = 0, end + 1
                continue
            found = _TOKEN.match(text, at)
            if found is None:
                self._refuse(number, text[at:], "move, comment or result of a game")
            at = found.end()
            yield from self._take(number, str(found.lastgroup), found[0])

    def _take(self, number: int, kind: str, token: str) -> Iterator[PgnGame]:
        """Take a token of moves into the game."""
        if kind == "skip":
            return
        if not self._variations and kind != "rest" and kind != "comment":
            self._begun, self._line = True, self._line or number
        if kind == "comment":
            self._comment = number
        elif kind == "open":
            self._variations.append(number)
        elif kind == "close":
            if not self._variations:
                self._refuse(number, token, "end of a variation, as none began")
            self._variations.pop()
        elif self._variations:
            return
        elif kind == "move":
            self._moves.append(token)
        elif kind == "result":
            yield PgnGame(self._line, self._headers, self._moves, token)
            self._forget()
