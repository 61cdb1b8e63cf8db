"""The process of Weights & Biases or trackio, which is told what to track in JSON lines.

These libraries print, start threads and processes, replace `sys.exit`, and wait for their servers
at exit. Here none of it reaches the process that trains. It is run as a file and imports nothing of
the package, so it starts quickly.
"""

import contextvars
import json
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

_LINGERS = 60  # seconds that it may go on when nothing more comes
_TIMEOUT = 15  # seconds until Weights & Biases' server counts as away


class _Wandb:
    """A run of Weights & Biases a series."""

    def __init__(self, options: Mapping[str, Any]):
        import wandb

        self._wandb, self._options = wandb, options
        self._offline = False
        self._runs: dict[str, Any] = {}

    def log(self, series: Mapping[str, Any], step: int, values: Mapping[str, float]) -> None:
        run = self._run(series)
        if step >= run.starting_step:  # of a run that goes on
            run.log(values, step=step)

    def finish(self, series: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        run = self._run(series)
        run.summary.update({k: v for k, v in summary.items() if v is not None})
        run.finish()

    def close(self) -> None:
        for run in self._runs.values():
            run.finish()

    def _run(self, series: Mapping[str, Any]) -> Any:
        if series["id"] not in self._runs:
            self._runs[series["id"]] = self._begin(series)
        return self._runs[series["id"]]

    def _begin(self, series: Mapping[str, Any]) -> Any:
        try:
            return self._init(series)
        except self._wandb.Error:  # no API key or no network
            if self._runs or "WANDB_MODE" in os.environ:
                raise
        self._wandb.teardown()
        self._offline = True
        return self._init(series)

    def _init(self, series: Mapping[str, Any]) -> Any:
        return self._wandb.init(
            project=self._options["project"],
            entity=self._options["entity"],
            dir=self._options["store"],
            id=series["id"],
            name=series["name"],
            group=series["group"],
            config=dict(series["config"]),
            resume="allow",
            reinit="create_new",
            mode="offline" if self._offline else None,
            settings=self._wandb.Settings(
                silent=True, console="off", init_timeout=_TIMEOUT, x_disable_stats=True
            ),
        )


class _Trackio:
    """A run of trackio a series."""

    def __init__(self, options: Mapping[str, Any]):
        import trackio

        self._trackio, self._options = trackio, options
        self._runs: dict[str, tuple[Any, int]] = {}

    def log(self, series: Mapping[str, Any], step: int, values: Mapping[str, float]) -> None:
        run, first = self._run(series)
        if step >= first:
            run.log(dict(values), step=step)

    def finish(self, series: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        run, _ = self._run(series)
        run.log({k: v for k, v in summary.items() if v is not None})
        run.finish()

    def close(self) -> None:
        for run, _ in self._runs.values():
            run.finish()

    def _run(self, series: Mapping[str, Any]) -> tuple[Any, int]:
        """A run, and the first step that it does not have."""
        if series["id"] not in self._runs:
            # A context each: trackio ends the run before in the same one.
            run = contextvars.Context().run(
                self._trackio.init,
                project=self._options["project"],
                name=series["name"],
                group=series["group"],
                config=dict(series["config"]),
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
            self._runs[series["id"]] = run, getattr(run, "_next_step", 0)
        return self._runs[series["id"]]


_KINDS = {"wandb": _Wandb, "trackio": _Trackio}


def serve(lines: Iterator[str]) -> None:
    """Track what the lines say: a kind with its options, then calls; until no more come."""
    kind, options = json.loads(next(lines))
    sink = _KINDS[kind](options)
    for line in lines:
        method, *arguments = json.loads(line)
        getattr(sink, method)(*arguments)
    signal.alarm(_LINGERS)
    sink.close()


def main() -> None:
    """Serve standard input; the first complaint of a library goes to standard output."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for number in (signal.SIGINT, signal.SIGTERM):  # the end is that of the input
        signal.signal(number, signal.SIG_IGN)
    _hear_warnings(answers)
    try:
        serve(iter(sys.stdin))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is said, and no hook waits
        _say(answers, str(error) or type(error).__name__)
        os._exit(1)


def _hear_warnings(answers: TextIO) -> None:
    """Trackio warns where it cannot keep what it was told."""
    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", category=UserWarning, module="trackio")
    heard: list[str] = []

    def hear(message: Warning | str, *_: Any, **__: Any) -> None:
        if not heard:
            heard.append(str(message))
            _say(answers, heard[0])

    warnings.showwarning = hear


def _say(answers: TextIO, text: str) -> None:
    print(" ".join(text.split()), file=answers, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
