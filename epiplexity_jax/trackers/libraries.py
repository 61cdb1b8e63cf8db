"""Sinks for Weights & Biases and trackio, whose libraries run in `library_process`."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.trackers import library_process
from epiplexity_jax.trackers.spec import Plain, Series, Sink, check_installed


class Wandb(Config):
    """Weights & Biases; offline, in `wandb/` of the store, without network or API key."""

    kind: Literal["wandb"] = "wandb"
    project: str = Field(default="epiplexity", min_length=1)
    """Project that the runs go to."""
    entity: str | None = Field(default=None, min_length=1)
    """User or team; default: Weights & Biases' own."""


class Trackio(Config):
    """Trackio: in its own folder of this machine, or where its environment variables say."""

    kind: Literal["trackio"] = "trackio"
    project: str = Field(default="epiplexity", min_length=1)
    """Project that the runs go to."""


class _LibrarySink:
    """Sends calls as JSON lines to a process with the library; what that prints is an error."""

    def __init__(self, config: Wandb | Trackio):
        self._kind, self._options = config.kind, config.model_dump(exclude={"kind"})

    def start(self, store: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", library_process.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process, which then closes the input
        )
        self._send(self._kind, {**self._options, "store": str(store)})

    def log(self, series: Series, step: int, values: Mapping[str, float]) -> None:
        self._send("log", dataclasses.asdict(series), step, dict(values))

    def finish(self, series: Series, summary: Mapping[str, Plain]) -> None:
        self._send("finish", dataclasses.asdict(series), dict(summary))

    def close(self) -> None:
        if error := self._end():
            raise RuntimeError(error)

    def _send(self, *message: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(self._end() or "its process was ended") from None

    def _end(self) -> str:
        """Close the process's input, wait for its end and return the error that it printed."""
        return self._process.communicate()[0].decode(errors="replace").strip()


def open_library(config: Wandb | Trackio) -> Sink:
    """Open the sink of a config.

    Raises:
        ConfigError: when the library is not installed.
    """
    check_installed(config.kind, config.kind)
    return _LibrarySink(config)
