"""Registry of the layouts of curve files: each recognises its contents and reads them."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from epiplexity_jax.analysis.logs.content import Content, open_content
from epiplexity_jax.analysis.logs.layouts import (
    delimited,
    folder,
    json_text,
    one_metric,
    parquet,
    tensorboard,
    text_log,
)
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.base.errors import DataError

__all__ = ["READERS", "Content", "Reader", "LogTable", "read_table"]


class Reader(NamedTuple):
    """A layout of curve files.

    Attributes:
        matches: function from the content of a file or folder to True where it has this layout.
        read: function from that content to its table; raises `DataError` naming the line.
    """

    matches: Callable[[Content], bool]
    read: Callable[[Content], LogTable]


def _is_text(content: Content) -> bool:
    return bool(content.text.strip())


READERS: list[Reader] = [
    Reader(folder.matches, folder.read),
    Reader(parquet.matches, parquet.read),
    Reader(tensorboard.matches, tensorboard.read),
    Reader(text_log.matches, text_log.read),
    Reader(text_log.matches_dicts, text_log.read_dicts),
    Reader(json_text.matches, json_text.read),
    Reader(one_metric.matches, one_metric.read),
    Reader(delimited.matches, delimited.read),
    Reader(text_log.matches_pairs, text_log.read_pairs),
    Reader(_is_text, text_log.refuse),
]
"""Layouts in the order in which they are tried."""


def read_table(path: Path, pattern: str | None = None) -> LogTable:
    """The table of a file or folder.

    Args:
        path: the file, which may be compressed, or the folder.
        pattern: a regular expression with named groups, which reads each line of a text.

    Raises:
        DataError: when it is missing, empty, or has no known layout, naming the line.
    """
    content = open_content(path)
    if pattern is not None:
        return text_log.read_pattern(content, pattern)
    reader = next((reader for reader in READERS if reader.matches(content)), None)
    if reader is None:
        raise DataError(
            f"{content.name}: is no text in UTF-8 and no file of TensorBoard events; write CSV "
            "with a header or JSON lines"
        )
    table = reader.read(content)
    if not len(table):
        raise DataError(f"{content.name}: has no rows")
    return table
