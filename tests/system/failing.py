"""A file system that refuses one call: the n-th that touches a folder."""

import builtins
import contextlib
import errno
import io
import os
import threading
from pathlib import Path

ERRORS = (errno.ENOSPC, errno.EACCES, errno.EIO)
_CALLS = (
    *("open", "mkdir", "replace", "rename", "unlink", "rmdir", "listdir", "scandir", "stat"),
    *("lstat", "fsync"),
)


class Refusing:
    """Counts the calls that touch a folder and refuses one of them.

    Attributes:
        folder: that is watched.
        number: the call that is refused, from 1; 0: none.
        error: what it is refused with.
        calls: names of the calls so far.
        refused: where the refused call came from, or None.
    """

    def __init__(self, folder, number=0, error=errno.ENOSPC):
        self.folder, self.number, self.error = str(folder), number, error
        self.calls, self.refused = [], None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def watching(self):
        """Watch the calls of `os` and `open` made from Python, in all threads."""
        usual = {name: getattr(os, name) for name in _CALLS}
        opened = io.open
        for name, function in usual.items():
            setattr(os, name, self._watched(name, function))
        io.open = builtins.open = self._watched("io.open", opened)
        try:
            yield
        finally:
            for name, function in usual.items():
                setattr(os, name, function)
            io.open = builtins.open = opened

    def _watched(self, name, function):
        def call(*arguments, **options):
            if arguments and self._touches(arguments[0]):
                with self._lock:
                    self.calls.append(name)
                    refuse = len(self.calls) == self.number
                if refuse:
                    self.refused = name
                    raise OSError(self.error, os.strerror(self.error), str(arguments[0]))
            return function(*arguments, **options)

        return call

    def _touches(self, what):
        if isinstance(what, int):
            with contextlib.suppress(OSError):
                return os.readlink(f"/proc/self/fd/{what}").startswith(self.folder)
            return False
        return isinstance(what, str | Path) and str(what).startswith(self.folder)
