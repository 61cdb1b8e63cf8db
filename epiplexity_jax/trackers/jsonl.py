"""JSON lines: `metrics.jsonl` in the store."""

import contextlib
import errno
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from epiplexity_jax.base.config import Config
from epiplexity_jax.trackers.spec import Plain, Series, Sink

_NAME = "metrics.jsonl"


class Jsonl(Config):
    """JSON lines in `metrics.jsonl` of the store."""

    kind: Literal["jsonl"] = "jsonl"


class _Lines:
    """Appends whole lines, without the steps that the file has already."""

    def __init__(self) -> None:
        self._file = -1
        self._steps: dict[str, int] = {}  # the last of each series

    def start(self, store: Path) -> None:
        path = store / _NAME
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:  # a process was killed, or the disk was full, in the last line
            os.ftruncate(self._file, len(whole))
        for line in whole.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):  # somebody else's line
                record = json.loads(line)
                self._steps[record["id"]] = record.get("step", self._steps.get(record["id"], -1))

    def log(self, series: Series, step: int, values: Mapping[str, float]) -> None:
        if series.id not in self._steps:
            self._write(series, "start", name=series.name, config=dict(series.config))
            self._steps[series.id] = -1
        if step > self._steps[series.id]:
            self._write(series, "log", step=step, **values)
            self._steps[series.id] = step

    def finish(self, series: Series, summary: Mapping[str, Plain]) -> None:
        self._write(series, "end", **summary)

    def close(self) -> None:
        os.close(self._file)

    def _write(self, series: Series, event: str, **values: Any) -> None:
        record = {"id": series.id, "event": event, "time": round(time.time(), 3)} | values
        line = json.dumps(record).encode() + b"\n"
        if os.write(self._file, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), _NAME)


def open_jsonl(_: Jsonl) -> Sink:
    """Open the sink of a config."""
    return _Lines()
