"""The server of a live view: this machine's own address only, and nothing that writes."""

import json
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.files import reason
from epiplexity_jax.pages.live import LiveView

LOOPBACK = "127.0.0.1"
_EVERY = 1.0  # seconds between two looks at the store
_SEEN = "/seen"  # fetched by a page that has the last state
_FAREWELL = 10.0  # seconds that an open page has to fetch the last state


class Server:
    """A live view on a port of this machine.

    Args:
        view: the view.
        port: number of the port; 0 takes any that is free.

    Attributes:
        url: address of the page; port: its port.

    Raises:
        ConfigError: when the port is taken.
    """

    def __init__(self, view: LiveView, port: int = 0) -> None:
        self._view, self._asked, self._seen = view, time.monotonic(), threading.Event()
        try:
            self._http = ThreadingHTTPServer((LOOPBACK, port), self._handler())
        except (OSError, OverflowError) as error:
            why = reason(error) if isinstance(error, OSError) else "no such port"
            raise ConfigError(f"--port: {port} cannot be used: {why}; 0 takes a free one") from None
        self._http.daemon_threads = True
        self.port = self._http.server_port
        self.url = f"http://{LOOPBACK}:{self.port}/"

    def serve(self) -> None:
        """Serve until the sweep is finished, and an open page has fetched the last results."""
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        try:
            while not self._view.refresh():
                time.sleep(_EVERY)
            is_open = time.monotonic() - self._asked < _FAREWELL
            self._seen.wait(_FAREWELL if is_open else 0.0)
        finally:
            self._http.shutdown()
            self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            """Answers GET and HEAD of the page and its state."""

            def do_GET(self) -> None:
                """Answer with content."""
                self._answer(with_body=True)

            def do_HEAD(self) -> None:
                """Answer without content."""
                self._answer(with_body=False)

            def log_message(self, format: str, *args: Any) -> None:
                """Keep the terminal free of requests."""

            def _answer(self, with_body: bool) -> None:
                status, kind, body = server._found(self.path, self.headers.get("Host", ""))
                self.send_response(status)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("X-Content-Type-Options", "nosniff")
                self.end_headers()
                if with_body:
                    self.wfile.write(body)
                if self.path.partition("?")[0] == _SEEN and status == HTTPStatus.OK:
                    server._seen.set()  # after the answer, which the end of serving would cut off

        return Handler

    def _found(self, path: str, host: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, type and content of a path.

        Args:
            path: path of the request.
            host: its header; a foreign name that points here would let other pages read ours.
        """
        if host.partition(":")[0] not in (LOOPBACK, "localhost") or "@" in host:
            return HTTPStatus.FORBIDDEN, "text/plain", b"ask this machine by its own address\n"
        self._asked = time.monotonic()
        path = path.partition("?")[0]
        if path == "/":
            return HTTPStatus.OK, "text/html", self._view.html.encode()
        if path == "/state.json":
            return HTTPStatus.OK, "application/json", json.dumps(self._view.state()).encode()
        if path == _SEEN:
            return HTTPStatus.OK, "text/plain", b"\n"
        return HTTPStatus.NOT_FOUND, "text/plain", b"there is only one page\n"
