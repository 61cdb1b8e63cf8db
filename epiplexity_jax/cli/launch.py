"""`epiplexity-jax launch`: several processes on one host that train one sweep."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from epiplexity_jax.base.errors import ConfigError

_GRACE = 30.0  # seconds for the others to end
_POLL, _PATIENCE = 0.05, 2.0
_STOPPED, _REFUSED = 130, 2
_NOISE = "[Gloo]"  # which libraries print between processes
_CRASHES = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}
_LINES = 200  # of standard error before a crash: stacks of all threads


def launch(
    processes: Annotated[int, typer.Option("-n", "--processes", min=1, help="How many.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="The command, run CONFIG ..., after --."),
    ] = None,
) -> None:
    """Train a sweep in several processes of this host: launch -n 2 -- run CONFIG ...

    CPU cores are shared out among them. A process that dies takes the others with it; what was
    kept before is in the store, and the same command goes on from there.
    """
    if not words or words[0] != "run":
        raise ConfigError("launch: expected the command to run: launch -n 2 -- run CONFIG ...")
    port = _free_port()
    group = [_Process(words, i, processes, port) for i in range(processes)]
    asked: list[int] = []

    def pass_on(number: int, frame: Any) -> None:
        del frame
        asked.append(number)
        for each in group:
            each.send(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # of `nohup`
            signal.signal(number, pass_on)
    try:
        died = _first_to_die(group)
        for each in group:
            each.muted = died not in (None, each) and not asked
        _end(group, asking=died is not None and not asked)
    finally:
        for each in group:
            each.send(signal.SIGKILL)
    if asked:
        raise typer.Exit(_STOPPED)
    if died is not None:
        for line in died.last_words():
            typer.echo(line, err=True)
        refused = died.process.returncode == _REFUSED
        if not refused or died.last != group[0].last:  # which was passed on already
            typer.echo(died.reason(), err=True)
        raise typer.Exit(_REFUSED if refused else 1)


class _Process:
    """One of the processes; its standard error is passed on until it is muted."""

    def __init__(self, words: Sequence[str], number: int, count: int, port: int):
        self.name, self.muted, self.last = f"process {number} of {count}", False, ""
        self.unseen: deque[str] = deque(maxlen=_LINES)
        from epiplexity_jax.runtime.devices import cpu_cores
        from epiplexity_jax.runtime.processes import LAUNCHER

        cores = max(1, cpu_cores() // count)
        command = [sys.executable, "-m", "epiplexity_jax", *words]
        self.process = subprocess.Popen(
            [*command, f"--join={number}/{count}@127.0.0.1:{port}"],
            env={"JAX_NUM_CPU_DEVICES": str(cores), **os.environ, LAUNCHER: str(os.getpid())},
            stdout=None if number == 0 else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches it through us, once
        )
        self.reader = threading.Thread(target=self._forward, args=(number == 0,), daemon=True)
        self.reader.start()

    def _forward(self, shown: bool) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if self.muted or line.startswith(_NOISE):
                continue
            self.last = line.strip() or self.last
            if shown:
                sys.stderr.write(line)
                sys.stderr.flush()
            else:
                self.unseen.append(line.rstrip())

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it is still there."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def last_words(self) -> list[str]:
        """Last lines of a process that crashed, which name the cause and were not passed on."""
        return list(self.unseen) if -self.process.returncode in _CRASHES else []

    def reason(self) -> str:
        """Describe in a line why it ended."""
        status = self.process.returncode
        if status == _REFUSED:
            return self.last
        from epiplexity_jax.runtime.processes import RESUMES

        said = self.last.removeprefix("epiplexity-jax: ").removesuffix(RESUMES)
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"failed: {said}"
        return f"epiplexity-jax: {self.name} {how}{RESUMES}"


def _first_to_die(group: Sequence[_Process]) -> _Process | None:
    """Wait for all of them, or for the first that does not end well.

    A process that lost another ends too; the other is looked for then, for a little while.
    """
    from epiplexity_jax.runtime.processes import LOST

    patience = _PATIENCE
    while True:
        states = {each: each.process.poll() for each in group}
        failed = [each for each, state in states.items() if state]
        reasons = [each for each in failed if states[each] != LOST]
        if reasons or (failed and patience <= 0):
            return (reasons or failed)[0]
        if None not in states.values() and not failed:
            return None
        patience -= _POLL if failed else 0.0
        time.sleep(_POLL)


def _end(group: Sequence[_Process], asking: bool) -> None:
    """Wait for the other processes, after asking them to end where `asking`."""
    until = time.monotonic() + _GRACE
    for each in group:
        if asking:
            each.send(signal.SIGTERM)
        try:
            each.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            each.send(signal.SIGKILL)
            each.process.wait()
        each.reader.join(1.0)


def _free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]
