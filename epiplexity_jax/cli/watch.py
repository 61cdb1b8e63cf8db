"""`epiplexity-jax watch`: the page of a running sweep, served on this machine alone."""

import contextlib
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.cli.options import StorePath, check_positive, interrupt_on_signals

_WAIT = 0.2  # seconds between two looks for a sweep that begins
_LAST = 60.0  # seconds that the page has for the last results


def watch(
    store: StorePath,
    port: Annotated[
        int, typer.Option(help="Port on this machine; 0: any that is free.", min=0, max=65535)
    ] = 0,
    test_tokens: Annotated[
        float | None,
        typer.Option(help="Label tokens of the dataset that is measured; default: the config's."),
    ] = None,
) -> None:
    """Serve the page of a sweep that trains into a store, until it is finished."""
    check_positive("--test-tokens", test_tokens)

    from epiplexity_jax.pages.live import LiveView, is_trained_into
    from epiplexity_jax.pages.server import Server

    again = shlex.join(["epiplexity-jax", "report", str(store)])
    if not is_trained_into(store):
        raise ConfigError(f"{store}: nothing trains into it; `{again}` writes its page")
    os.nice(5)  # training comes first
    interrupt_on_signals()
    view = LiveView(store, test_tokens=test_tokens)
    server = Server(view, port)
    words = ["epiplexity-jax", "watch", str(store), "--port", str(server.port)]
    tokens = [] if test_tokens is None else ["--test-tokens", f"{test_tokens!r}"]
    view.command = shlex.join([*words, *tokens])
    view.refresh()
    typer.echo(f"watching {store} at {server.url} (Ctrl-C ends)")
    sys.stdout.flush()
    try:
        server.serve()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    typer.echo(f"the sweep is finished; `{again}` writes its page")


@contextlib.contextmanager
def watched(store: Path, wanted: bool) -> Iterator[None]:
    """Serve the page of this process's sweep from a process of its own, while the sweep trains.

    Args:
        store: folder of the store, which need not exist yet.
        wanted: False does nothing.
    """
    if not wanted:
        yield
        return
    over = threading.Event()
    started: list[subprocess.Popen] = []
    waiting = threading.Thread(target=_start_when_ready, args=(store, over, started), daemon=True)
    waiting.start()
    is_finished = False
    try:
        yield
        is_finished = True
    finally:
        over.set()
        waiting.join()
        for process in started:
            if is_finished:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LAST)
            process.terminate()
            process.wait()


def _start_when_ready(store: Path, over: threading.Event, started: list[subprocess.Popen]) -> None:
    """Start the server once the sweep has written into its store that it begins."""
    from epiplexity_jax.store.sweep_state import read_state

    begun = time.time()
    while not over.is_set():
        state = None
        with contextlib.suppress(StoreError):  # which the sweep itself will say
            state = read_state(store)
        if state is not None and state.process == os.getpid() and state.started >= begun - 1.0:
            command = [sys.executable, "-m", "epiplexity_jax", "watch", str(store)]
            # Its lines go where our own progress does: standard output holds results.
            started.append(subprocess.Popen(command, stdout=sys.stderr, stdin=subprocess.DEVNULL))
            return
        over.wait(_WAIT)
