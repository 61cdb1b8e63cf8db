"""Process in which Weights & Biases or trackio run, with JSON lines as its input.

These libraries print, start threads and processes, replace `sys.exit`, and wait for their servers
at exit: a thread cannot keep that from the process that trains. This file is run as a script and
imports nothing of the package, so that it starts quickly.
"""

import contextvars
import importlib
import json
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

_LINGERS = 60  # seconds that the library may take to send the rest when its input has ended
_TIMEOUT = 15  # seconds until Weights & Biases' server counts as away


class _Library:
    """Opens one run of the library per series, with the first step that the run does not have."""

    name: str

    def __init__(self, options: Mapping[str, Any]):
        self._library = importlib.import_module(self.name)
        self._options = options
        self._runs: dict[str, tuple[Any, int]] = {}

    def log(self, series: Mapping[str, Any], step: int, values: Mapping[str, float]) -> None:
        run, first = self._run(series)
        if step >= first:
            run.log(values, step=step)

    def finish(self, series: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        run, _ = self._run(series)
        self._summarise(run, {k: v for k, v in summary.items() if v is not None})
        run.finish()

    def close(self) -> None:
        for run, _ in self._runs.values():
            run.finish()

    def _run(self, series: Mapping[str, Any]) -> tuple[Any, int]:
        if series["id"] not in self._runs:
            shared = {k: series[k] for k in ("name", "group", "config")}
            shared |= {"project": self._options["project"], "resume": "allow"}
            self._runs[series["id"]] = self._open(series["id"], shared)
        return self._runs[series["id"]]

    def _open(self, run_id: str, shared: Mapping[str, Any]) -> tuple[Any, int]:
        raise NotImplementedError

    def _summarise(self, run: Any, summary: Mapping[str, Any]) -> None:
        run.log(summary)


class _Wandb(_Library):
    name = "wandb"
    _offline = False

    def _open(self, run_id: str, shared: Mapping[str, Any]) -> tuple[Any, int]:
        try:
            run = self._init(run_id, shared)
        except self._library.Error:  # no API key or no network
            if self._runs or "WANDB_MODE" in os.environ:
                raise
            self._library.teardown()
            self._offline = True
            run = self._init(run_id, shared)
        return run, run.starting_step

    def _init(self, run_id: str, shared: Mapping[str, Any]) -> Any:
        return self._library.init(
            **shared,
            id=run_id,
            entity=self._options["entity"],
            dir=self._options["store"],
            reinit="create_new",
            mode="offline" if self._offline else None,
            settings=self._library.Settings(
                silent=True, console="off", init_timeout=_TIMEOUT, x_disable_stats=True
            ),
        )

    def _summarise(self, run: Any, summary: Mapping[str, Any]) -> None:
        run.summary.update(summary)


class _Trackio(_Library):
    name = "trackio"

    def _open(self, run_id: str, shared: Mapping[str, Any]) -> tuple[Any, int]:
        quiet = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
        # A context each: trackio ends the run before in the same one.
        run = contextvars.Context().run(self._library.init, **shared, **quiet)
        return run, getattr(run, "_next_step", 0)


def serve(lines: Iterator[str]) -> None:
    """Track what the lines ask for: a library with its options, then calls, until they end."""
    kind, options = json.loads(next(lines))
    sink = next(library for library in (_Wandb, _Trackio) if library.name == kind)(options)
    for line in lines:
        method, *arguments = json.loads(line)
        getattr(sink, method)(*arguments)
    signal.alarm(_LINGERS)
    sink.close()


def main() -> None:
    """Serve standard input; print the library's first error, and nothing else of it."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for number in (signal.SIGINT, signal.SIGTERM):  # it ends when its input does
        signal.signal(number, signal.SIG_IGN)
    _print_first_warning(answers)
    try:
        serve(iter(sys.stdin))
    except BaseException as error:  # noqa: BLE001 - any error is printed, and no exit hook waits
        _print(answers, str(error) or type(error).__name__)
        os._exit(1)


def _print_first_warning(answers: TextIO) -> None:
    """Print trackio's first warning: it warns where it cannot keep what it was given."""
    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", category=UserWarning, module="trackio")

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        warnings.simplefilter("ignore")
        _print(answers, str(message))

    warnings.showwarning = show


def _print(answers: TextIO, text: str) -> None:
    print(" ".join(text.split()), file=answers, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
