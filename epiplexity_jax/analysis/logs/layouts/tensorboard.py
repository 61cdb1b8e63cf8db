"""TensorBoard event files, read without TensorBoard."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from epiplexity_jax.analysis.logs.content import Content, open_content
from epiplexity_jax.analysis.logs.layouts.records import begins_with_record, fields, records
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.base.errors import DataError

_FLOATS = {1: "<f", 2: "<d"}  # data types of a tensor that are scalars here


def matches(content: Content) -> bool:
    """Return whether bytes begin with a record."""
    return begins_with_record(content.data)


def read(content: Content) -> LogTable:
    """Scalars of an event file: a row a step, a column a tag.

    Raises:
        DataError: when it is damaged or has no scalars.
    """
    return of_files(content.name, [content])


def event_files(folder: Path) -> list[Path]:
    """Event files in a folder and below, by name, which begins with the time they were made."""
    return sorted(path for path in folder.rglob("*tfevents*") if path.is_file())


def read_folder(content: Content, paths: Sequence[Path]) -> LogTable:
    """Scalars of a folder of event files; a file of later steps takes over where it begins.

    Args:
        content: the folder.
        paths: its event files.

    Raises:
        DataError: when a file is damaged, or there are no scalars.
    """
    folders = sorted({path.parent for path in paths})
    tables = {
        folder: of_files(content.name, [open_content(p) for p in paths if p.parent == folder])
        for folder in folders
    }
    if len(tables) == 1:
        return next(iter(tables.values()))
    rows = []
    for folder, table in tables.items():
        run = str(folder.relative_to(content.path))
        for i, line in enumerate(table.lines):
            cells = {name: column[i] for name, column in table.columns.items()}
            rows.append((line, {"run": run} | {k: v for k, v in cells.items() if v is not None}))
    return LogTable.of_rows(rows, layout="TensorBoard events", place="step")


def of_files(file: str, contents: Sequence[Content]) -> LogTable:
    """Scalars of the event files of one run.

    Args:
        file: name for messages.
        contents: the files in order of time.

    Raises:
        DataError: when a file is damaged, or there are no scalars.
    """
    found: dict[int, dict[str, float]] = {}
    replaced = 0
    for content in contents:
        own = _by_step(content)
        if own and found:
            later = [step for step in found if step >= min(own)]
            replaced += len(later)
            for step in later:
                del found[step]
        found |= own
    rows = ((step, {"step": step} | found[step]) for step in sorted(found))
    said = f"{replaced} steps of an older event file are replaced by those of a newer one"
    table = LogTable.of_rows(
        rows, layout="TensorBoard events", place="step", notes=(said,) if replaced else ()
    )
    if not len(table):
        raise DataError(f"{file}: holds no scalars; log the loss as a scalar")
    return table


def _by_step(content: Content) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for record in records(content.name, content.data):
        try:
            step, scalars = _event(record)
        except (ValueError, struct.error):
            raise DataError(f"{content.name}: a record is no TensorBoard event") from None
        if scalars:
            found.setdefault(step, {}).update(scalars)
    return found


def _event(record: bytes) -> tuple[int, Mapping[str, float]]:
    """Step and scalars of an event (fields 2 and 5)."""
    step, scalars = 0, {}
    for number, value in fields(record):
        if number == 2 and isinstance(value, int):
            step = value
        if number == 5 and isinstance(value, bytes):
            for kind, summary in fields(value):
                if kind == 1 and isinstance(summary, bytes):
                    scalars.update(_scalar(summary))
    return step, scalars


def _scalar(summary: bytes) -> Iterator[tuple[str, float]]:
    """Tag and value of a summary (fields 1, 2 and 8), where it is a scalar."""
    tag, value = "", None
    for number, part in fields(summary):
        if not isinstance(part, bytes):
            continue
        if number == 1:
            tag = part.decode("utf-8", "replace")
        elif number == 2 and len(part) == 4:
            value = struct.unpack("<f", part)[0]
        elif number == 8:
            value = _tensor(part)
    if tag and value is not None:
        yield tag, value


def _tensor(message: bytes) -> float | None:
    """The one number of a tensor (data type 1, content 4, float values 5, doubles 6)."""
    kind, values = 0, []
    for number, part in fields(message):
        if number == 1 and isinstance(part, int):
            kind = part
        if number in (4, 5, 6) and isinstance(part, bytes):
            values.append(part)
    form = _FLOATS.get(kind)
    if form is None or len(values) != 1 or len(values[0]) != struct.calcsize(form):
        return None
    return struct.unpack(form, values[0])[0]
