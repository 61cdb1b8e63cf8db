"""TensorBoard: a folder of event files a series, `tensorboard/<name>` in the store."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from epiplexity_jax.base.config import Config
from epiplexity_jax.trackers.spec import Plain, Series, Sink, check_installed

_FOLDER = "tensorboard"


class Tensorboard(Config):
    """TensorBoard event files in `tensorboard/` of the store, written by tensorboardX."""

    kind: Literal["tensorboard"] = "tensorboard"


class _Events:
    """Writes events in the calling thread.

    tensorboardX's SummaryWriter has a thread and a pipe a folder, which a full disk blocks for
    good, at exit too.
    """

    def start(self, store: Path) -> None:
        self._folder = store / _FOLDER
        self._writers: dict[str, Any] = {}

    def log(self, series: Series, step: int, values: Mapping[str, float]) -> None:
        from tensorboardX.summary import scalar

        self._write(series, step, *(scalar(name, value) for name, value in values.items()))

    def finish(self, series: Series, summary: Mapping[str, Plain]) -> None:
        from tensorboardX.summary import text

        self._write(series, 0, text("end", _table(summary)))
        self._writers.pop(series.id).close()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def _write(self, series: Series, step: int, *summaries: Any) -> None:
        writer = self._writers.get(series.id) or self._begin(series, step)
        for summary in summaries:
            writer.write_event(_event(step, summary=summary))
        writer.flush()

    def _begin(self, series: Series, step: int) -> Any:
        """Open a new file; TensorBoard hides what older ones have from this step on."""
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.summary import text

        folder = self._folder / series.name
        folder.mkdir(parents=True, exist_ok=True)
        writer = EventsWriter(str(folder / "events"), f".{os.getpid()}")
        writer.write_event(_event(step, session_log={"status": "START"}))
        writer.write_event(_event(step, summary=text("config", _table(series.config))))
        self._writers[series.id] = writer
        return writer


def _event(step: int, **content: Any) -> Any:
    from tensorboardX.proto import event_pb2

    module: Any = event_pb2  # its classes are made when it is imported
    return module.Event(wall_time=time.time(), step=step, **content)


def _table(values: Mapping[str, Plain]) -> str:
    """Format values in Markdown, which TensorBoard shows as a table."""
    rows = "".join(f"| {name} | {value} |\n" for name, value in values.items())
    return f"| | |\n|---|---|\n{rows}"


def open_tensorboard(config: Tensorboard) -> Sink:
    """Open the sink of a config.

    Raises:
        ConfigError: when tensorboardX is not installed.
    """
    check_installed("tensorboardX", config.kind)
    return _Events()
