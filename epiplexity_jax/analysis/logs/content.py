"""Content of a path: a folder, bytes, or text; unpacked where it is compressed."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from epiplexity_jax.base.compressed import open_decompressed, refuse_pointer
from epiplexity_jax.base.errors import DataError

_EXPORT = "write the curve as CSV (a header with step and loss) or JSON lines"
_FOREIGN = {
    b"PK\x03\x04": f"is a ZIP archive (or a checkpoint of PyTorch or a workbook); {_EXPORT}",
    b"\x93NUMPY": f"is an array without names of columns; {_EXPORT}",
    b"\x89HDF": f"is an HDF5 file, which holds no known log; {_EXPORT}",
    b"SQLite format 3\x00": f"is an SQLite database; {_EXPORT} from the program that wrote it",
    b":W&B": "is the raw log of Weights & Biases; export the run's history "
    "(run.scan_history() or 'Export CSV' of a panel)",
    b"\x80": f"is a pickle, which is never loaded; {_EXPORT}",
    b"%PDF": f"is a PDF; {_EXPORT}",
    b"\x89PNG": f"is a picture; {_EXPORT}",
}
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, eq=False)
class Content:
    """A file or folder that is to be read.

    Attributes:
        path: its path.
        data: its bytes, unpacked; empty for a folder.
        is_folder: whether it is a folder.
    """

    path: Path
    data: bytes = b""
    is_folder: bool = False

    @property
    def name(self) -> str:
        """Name of the file in messages."""
        return self.path.name or str(self.path)

    @cached_property
    def text(self) -> str:
        """The text, empty where the content is binary: UTF-8, or UTF-16 with a byte order mark."""
        wide = self.data.startswith((b"\xff\xfe", b"\xfe\xff"))
        try:
            text = self.data.decode("utf-16" if wide else "utf-8-sig")
        except UnicodeDecodeError:
            return ""
        return "" if "\0" in text else text

    @cached_property
    def lines(self) -> list[str]:
        """Lines of the text as a terminal shows them: no colours, progress bars at their end."""
        text = _CONTROL.sub("", self.text) if "\x1b" in self.text else self.text
        return [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]


def open_content(path: Path) -> Content:
    """The content of a file or folder.

    Raises:
        DataError: when it is missing, unreadable, damaged, or known to be no log.
    """
    if path.is_dir():
        return Content(path, is_folder=True)
    try:
        with open_decompressed(path) as file:
            data = file.read()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file or folder; look at its name") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    content = Content(path, data)
    _refuse_others(content)
    return content


def _refuse_others(content: Content) -> None:
    """Refuse content that is something else than a log.

    Raises:
        DataError: with what it is, and what to do.
    """
    file, data = content.name, content.data
    refuse_pointer(content.path, data)
    for magic, fault in _FOREIGN.items():
        if data.startswith(magic):
            raise DataError(f"{file}: {fault}")
    if not data.strip(b"\xef\xbb\xbf \t\r\n"):
        raise DataError(f"{file}: is empty; {_EXPORT}")
    if re.match(rb"\s*<(!doctype html|html)", data[:200], re.IGNORECASE):
        raise DataError(f"{file}: is a web page and not the file; download the raw file")
