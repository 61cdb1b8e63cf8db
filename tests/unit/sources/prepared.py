"""The data set `tiny_numbers` of docs/tiny_tfds.py, prepared once in a process."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from docs import tiny_tfds


@functools.cache
def tiny_numbers() -> Path:
    """Its data_dir."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tiny_tfds.prepare(folder)
    return folder
