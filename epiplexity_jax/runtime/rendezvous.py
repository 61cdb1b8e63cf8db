"""A rendezvous of the processes of a job, before JAX's runtime connects them.

The runtime ends a process, with a dump of its stack, when another does not connect. So they connect
here first, over a plain socket, and a process that waits too long ends with an error of one line.
"""

import contextlib
import re
import socket
import time

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.files import reason

_GO = b"go"
_NAME = re.compile(r"\d+/\d+")
_AGAIN = 0.1  # seconds between two attempts to reach process 0
_PATIENCE = 5.0  # seconds for a process that has connected to send its name, and to close


def rendezvous(host: str, port: int, process: int, processes: int, seconds: float) -> None:
    """Wait until all processes of a job are there; process 0 listens, the others connect to it.

    Args:
        host: address of process 0, which listens on all of its addresses.
        port: the port where it listens.
        process: number of this process, from 0.
        processes: their count.
        seconds: time to wait for the others, in seconds.

    Raises:
        ConfigError: when some do not connect in time, two have the same number, or their counts of
            processes differ; when process 0 cannot listen or does not answer.
    """
    place, end = f"{host}:{port}", time.monotonic() + seconds
    if not 0 < port < 1 << 16:
        raise ConfigError(f"--join: expected a port from 1 to 65535, got {place}")
    if process == 0:
        _wait_for_others(place, port, processes, end)
    else:
        _come(place, (host, port), f"{process}/{processes}", end)


def _wait_for_others(place: str, port: int, processes: int, end: float) -> None:
    came: dict[str, socket.socket] = {}
    wanted = {f"{i}/{processes}" for i in range(1, processes)}
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(_listener(port))
        except OSError as error:
            raise ConfigError(f"--join: {place}: cannot listen there: {reason(error)}") from None
        while wanted - set(came):
            listener.settimeout(max(end - time.monotonic(), 1e-3))
            try:
                guest = stack.enter_context(listener.accept()[0])
            except TimeoutError:
                missing = ", ".join(sorted(name.split("/")[0] for name in wanted - set(came)))
                raise ConfigError(
                    f"--join: {place}: of {processes} processes these did not come: {missing}"
                ) from None
            if name := _name_of(guest):
                if name in came or name not in wanted:
                    how = "twice" if name in came else f"to a job of {processes}"
                    raise ConfigError(f"--join: {place}: process {name} came {how}")
                came[name] = guest
        for answer in (lambda guest: guest.sendall(_GO), lambda guest: guest.recv(1)):
            for guest in came.values():  # they close first: the port is free at once
                with contextlib.suppress(OSError):
                    answer(guest)


def _listener(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # IPv6 that is switched off
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _name_of(guest: socket.socket) -> str:
    """Receive the name of a process; empty where it is gone again, or is another program."""
    guest.settimeout(_PATIENCE)
    with contextlib.suppress(OSError):
        name = guest.recv(64).decode("ascii", "replace")
        return name if _NAME.fullmatch(name) else ""
    return ""


def _come(place: str, address: tuple[str, int], name: str, end: float) -> None:
    problem = "nobody answers"
    while (left := end - time.monotonic()) > 0:
        try:
            with socket.create_connection(address, timeout=left) as connection:
                connection.sendall(name.encode())
                if connection.recv(len(_GO)) == _GO:
                    return
                problem = "process 0 ended before all had come"
                break
        except socket.gaierror as error:
            problem = f"no such host: {error.strerror}"
            break
        except OSError:
            time.sleep(_AGAIN)
    raise ConfigError(f"--join: {place}: {problem}")
