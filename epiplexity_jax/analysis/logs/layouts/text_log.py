"""Text logs: lines of known programs, lines of names and values, or a pattern of the user's own."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from epiplexity_jax.analysis.logs.content import Content
from epiplexity_jax.analysis.logs.layouts.formats import FORMATS, NUMBER, LineFormat, described
from epiplexity_jax.analysis.logs.layouts.json_text import flat
from epiplexity_jax.analysis.logs.names import LOSSES, STEPS, TOKENS, candidates, is_heldout
from epiplexity_jax.analysis.logs.table import Hints, LogTable
from epiplexity_jax.base.errors import ConfigError, DataError

_LEAST = 3  # lines that make a layout
_HEAD, _TAIL = 400_000, 200_000  # characters that decide which program wrote a log
_DICT = re.compile(r"\{\s*'[^{}]*\}")
_PAIR = re.compile(
    rf"([A-Za-z_][\w/.@-]*(?: [A-Za-z_][\w/.@-]*)?)\s*(?:[:=]\s*|\s)\s*(?:tensor\()?"
    rf"({NUMBER})(?![\w.])",
    re.IGNORECASE,
)
_EXAMPLE = r"--pattern 'step (?P<step>\d+) .*loss (?P<loss>[\d.]+)'"


def matches(content: Content) -> bool:
    """Return whether a text has lines of a known program."""
    return _known(content) is not None


def read(content: Content) -> LogTable:
    """The rows of a known program's lines."""
    form = _known(content)
    assert form is not None
    rows = [(i, cells) for i, line in _numbered(content) if (cells := _cells(form, line))]
    if form.keep and any(form.keep in content.lines[i - 1] for i, _ in rows):
        rows = [(i, cells) for i, cells in rows if form.keep in content.lines[i - 1]]
    table = LogTable.of_rows(rows, layout=form.name, hints=form.hints, notes=(described(form),))
    sizes = table.columns.get("step_tokens")
    if sizes is None:
        return table
    counts = {float(size) for size in sizes if size is not None}
    columns = {name: cells for name, cells in table.columns.items() if name != "step_tokens"}
    known = counts.pop() if len(counts) == 1 else None
    return replace(table, columns=columns, hints=replace(form.hints, tokens_per_step=known))


def matches_dicts(content: Content) -> bool:
    """Return whether a text has lines with a Python dictionary, as Trainer and axolotl print."""
    return len(_DICT.findall(content.text[:_HEAD])) >= _LEAST and bool(
        re.search(r"\{[^{}\n]*'loss':", content.text[:_HEAD])
    )


def read_dicts(content: Content) -> LogTable:
    """The rows of dictionaries in a console log: means since the row before."""
    rows = []
    for i, line in _numbered(content):
        for found in _DICT.findall(line):
            try:
                cells = ast.literal_eval(found)
            except (ValueError, SyntaxError, RecursionError):
                continue
            rows.append((i, flat(cells)))
    return LogTable.of_rows(rows, layout="console log of a Trainer", hints=Hints(kind="means"))


def matches_pairs(content: Content) -> bool:
    """Return whether a text has lines with a loss and its name, and perhaps a position."""
    found = (line for line in content.lines if _pairs(line) is not None)
    return len(list(islice(found, _LEAST))) == _LEAST


def read_pairs(content: Content) -> LogTable:
    """The rows of lines with names and values, such as `step 10 | loss 4.5`."""
    rows = [(i, cells) for i, line in _numbered(content) if (cells := _pairs(line))]
    with_axis = [(i, cells) for i, cells in rows if _has_axis(cells)]
    rows = with_axis if len(with_axis) >= _LEAST else rows
    first = ", ".join(f"{name} {cell}" for name, cell in rows[0][1].items())
    said = f"read as a text log of names and values (first: {first}; --pattern reads otherwise)"
    return LogTable.of_rows(rows, layout="text log", notes=(said,))


def read_pattern(content: Content, pattern: str) -> LogTable:
    """The rows of lines in which a regular expression with named groups is found.

    Args:
        content: the log.
        pattern: its groups are the columns.

    Raises:
        ConfigError: when it is no expression, or has no group of losses.
        DataError: when the content is no text, or no line fits.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"--pattern: is no regular expression: {error}") from None
    groups = list(compiled.groupindex)
    if not groups:
        raise ConfigError(f"--pattern: has no named group; write {_EXAMPLE}")
    if not content.text:
        raise DataError(f"{content.name}: is no text, so --pattern cannot read it")
    found = ((i, compiled.search(line)) for i, line in _numbered(content))
    rows = [(i, _given(match)) for i, match in found if match]
    if not rows:
        raise DataError(f"{content.name}: no line fits --pattern; the first is {_first(content)}")
    return LogTable.of_rows(rows, layout="text log")


def refuse(content: Content) -> LogTable:
    """Refuse a text that no layout fits.

    Raises:
        DataError: with what to do.
    """
    raise DataError(
        f"{content.name}: looks like a text log, and no known program's; say with named groups "
        f"where step and loss stand, such as {_EXAMPLE} (first line: {_first(content)})"
    )


def _known(content: Content) -> LineFormat | None:
    """The format that most lines of a text have, and at least a few."""
    text = content.text
    if len(text) > _HEAD + _TAIL:
        text = text[:_HEAD] + "\n" + text[-_TAIL:]
    lines = Content(content.path, text.encode()).lines
    lowered = text.lower()
    counts: Counter[int] = Counter({0: 0})
    for i, form in enumerate(FORMATS):
        if any(text in lowered for text in form.needs):
            counts[i] = sum(any(line.search(one) for line in form.lines) for one in lines)
    best, count = counts.most_common(1)[0]
    return FORMATS[best] if count >= _LEAST else None


def _cells(form: LineFormat, line: str) -> dict[str, Any] | None:
    for expression in form.lines:
        if match := expression.search(line):
            return _given(match)
    return None


def _given(match: re.Match[str]) -> dict[str, Any]:
    return {name: text for name, text in match.groupdict().items() if text is not None}


def _pairs(line: str) -> dict[str, str] | None:
    """The names and values of a line with a loss among them."""
    if len(line) > 2000 or not re.search("loss|nll|bpb|entropy", line, re.IGNORECASE):
        return None
    cells: dict[str, str] = {}
    for name, value in _PAIR.findall(line):
        cells.setdefault(_shortest(name), value)
    names = list(cells)
    return cells if candidates(names, LOSSES) or any(map(is_heldout, names)) else None


def _has_axis(cells: dict[str, str]) -> bool:
    names = list(cells)
    return bool(candidates(names, STEPS) or candidates(names, TOKENS))


def _shortest(name: str) -> str:
    """A name of two words, or the last one where the first says nothing about it."""
    last = name.rpartition(" ")[2]
    for role in (LOSSES, STEPS, TOKENS):
        if candidates([last], role) and not candidates([name], role) and not is_heldout(name):
            return last
    return name


def _numbered(content: Content) -> Iterator[tuple[int, str]]:
    return enumerate(content.lines, start=1)


def _first(content: Content) -> str:
    return repr(next(line.strip() for line in content.lines if line.strip())[:60])
