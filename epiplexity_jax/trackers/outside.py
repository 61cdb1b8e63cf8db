"""Weights & Biases and trackio, each in a process of its own: see `process`."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.trackers import process
from epiplexity_jax.trackers.spec import Plain, Series, Sink, check_installed


class Wandb(Config):
    """Weights & Biases; offline, in `wandb/` of the store, without network or API key."""

    kind: Literal["wandb"] = "wandb"
    project: str = Field(default="epiplexity", min_length=1)
    """Where the runs go."""
    entity: str | None = Field(default=None, min_length=1)
    """The user or team; default: Weights & Biases' own."""


class Trackio(Config):
    """Trackio: in its own folder of this machine, or where its environment variables say."""

    kind: Literal["trackio"] = "trackio"
    project: str = Field(default="epiplexity", min_length=1)
    """Where the runs go."""


class _Outside:
    """Writes JSON lines to a process that has the library; what it says on its end is an error."""

    def __init__(self, kind: str, options: Mapping[str, Plain]):
        self._kind, self._options = kind, options

    def start(self, store: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", process.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process, which then tells it the end
        )
        self._send(self._kind, {**self._options, "store": str(store)})

    def log(self, series: Series, step: int, values: Mapping[str, float]) -> None:
        self._send("log", dataclasses.asdict(series), step, dict(values))

    def finish(self, series: Series, summary: Mapping[str, Plain]) -> None:
        self._send("finish", dataclasses.asdict(series), dict(summary))

    def close(self) -> None:
        if said := self._said():
            raise RuntimeError(said)

    def _send(self, *message: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(self._said() or "its process was ended") from None

    def _said(self) -> str:
        """What the process had to say; ends its input and waits for its end."""
        said, _ = self._process.communicate()
        return said.decode(errors="replace").strip()


def open_wandb(config: Wandb) -> Sink:
    """The sink of a config.

    Raises:
        ConfigError: when wandb is not installed.
    """
    return _open(config)


def open_trackio(config: Trackio) -> Sink:
    """The sink of a config.

    Raises:
        ConfigError: when trackio is not installed.
    """
    return _open(config)


def _open(config: Wandb | Trackio) -> Sink:
    check_installed(config.kind, config.kind)
    return _Outside(config.kind, config.model_dump(exclude={"kind"}))
