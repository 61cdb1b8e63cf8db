"""Programs without the price of their imports: forked from a process that has made them all.

A test that is about what a program does, and not about how it starts, finds a `python` and an
`epiplexity-jax` in a folder of this module: small clients that hand their arguments, folder,
environment and standard streams to a server, which forks before JAX has started a backend. Shells,
pipes and substitutions work as with the real ones. What JAX reads from the environment when it is
imported (devices, platforms) is the server's.
"""

import contextlib
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path

CLIENT = """#!{python} -SE
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect({address!r})
words = [{name!r}, sys.argv[1:], os.getcwd(), dict(os.environ)]
socket.send_fds(server, [json.dumps(words).encode()], [0, 1, 2])
sys.exit(int(server.recv(16)))
"""
HEAVY = (
    *("flax.linen", "optax", "orbax.checkpoint", "altair", "vl_convert", "pyarrow.parquet"),
    *("scipy.optimize", "rich.progress", "epiplexity_jax.cli.app", "epiplexity_jax.api"),
    *("epiplexity_jax.engine.train_cohort", "epiplexity_jax.report.figures"),
)


class Forks:
    """A server and its clients, in a folder.

    Attributes:
        path: what PATH must be for the clients to be found.
        python: the client that stands for Python; it knows `-c CODE`.
    """

    def __init__(self, folder: Path):
        address = str(folder / "socket")
        self.python, self._program = (str(folder / name) for name in ("python", "epiplexity-jax"))
        for file in map(Path, (self.python, self._program)):
            text = CLIENT.format(python=sys.executable, address=address, name=file.name)
            file.write_text(text, encoding="utf-8")
            file.chmod(0o755)
        self.path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self._server = subprocess.Popen([sys.executable, "-m", "tests.system.forks", address])
        while not Path(address).exists():
            assert self._server.poll() is None
            time.sleep(0.05)

    def run(self, *words: str) -> subprocess.CompletedProcess:
        """A command line, each word an argument."""
        return subprocess.run([self._program, *words], capture_output=True, text=True)

    def close(self) -> None:
        """End the server."""
        self._server.kill()
        self._server.wait()


def serve(address: str) -> None:
    """Answer every client with a process of its own."""
    server, parent = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET), os.getppid()
    server.bind(f"{address}.new")
    server.listen(64)
    os.rename(f"{address}.new", address)  # clients that find it can wait for the imports
    for name in HEAVY:
        importlib.import_module(name)
    sys.path[0] = ""  # what is forked finds its own folder there, as `-c` does
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server.settimeout(5)
    while os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            client, _ = server.accept()
            if not os.fork():
                server.close()
                _answer(client)
            client.close()


def _answer(client: socket.socket) -> None:
    """Run what a client asks for in a child, and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    words, streams, _, _ = socket.recv_fds(client, 1 << 20, 3)
    child = os.fork()
    if not child:
        _run(streams, *json.loads(words))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    client.send(str(status if status >= 0 else 128 - status).encode())
    os._exit(0)


def _run(streams: list[int], name: str, words: list[str], folder: str, env: dict) -> None:
    """Become the program: never comes back."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    status = 1
    try:
        _program(name, words)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the process must end here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _program(name: str, words: list[str]) -> None:
    from epiplexity_jax.cli.app import main

    if name == "epiplexity-jax":
        main(words)
    else:
        assert words[0] == "-c"
        sys.argv = words
        exec(words[1], {"__name__": "__main__"})


if __name__ == "__main__":
    serve(sys.argv[1])
