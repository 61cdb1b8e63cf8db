"""The server of a live view: what it answers, to whom, and when it ends."""

import http.client
import json
import socket
import threading
from urllib.parse import urlsplit

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.pages import server as module
from epiplexity_jax.pages.live import LiveView
from epiplexity_jax.pages.server import LOOPBACK, Server

PAGE = "<!doctype html><p>S_T \N{GREEK SMALL LETTER ALPHA}</p>"


class Still(LiveView):
    """A view whose page and state are known."""

    def __init__(self, store):
        super().__init__(store)
        self.html, self.over, self.looks = PAGE, threading.Event(), 0

    def refresh(self):
        self.looks += 1
        return self.over.is_set()

    def state(self):
        return {"text": "Training", "version": 7}


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A server that answers, its view and its thread."""
    monkeypatch.setattr(module, "_EVERY", 0.01)
    monkeypatch.setattr(module, "_FAREWELL", 30.0)
    view = Still(tmp_path)
    server = Server(view)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server, view, thread
    view.over.set()
    server._seen.set()
    thread.join(20)
    assert not thread.is_alive()


def ask(server, path, method="GET", host=None):
    """Status, headers and content of an answer."""
    where = urlsplit(server.url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=20)
    headers = {} if host is None else {"Host": host.format(port=where.port)}
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_the_page_and_the_state_are_served(served):
    server, _, _ = served
    status, headers, body = ask(server, "/")
    assert (status, body.decode()) == (200, PAGE)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert int(headers["Content-Length"]) == len(body)
    status, headers, body = ask(server, "/state.json")
    assert (status, json.loads(body)) == (200, {"text": "Training", "version": 7})
    assert headers["Content-Type"].startswith("application/json")


def test_a_changed_page_is_served_as_it_is_then(served):
    server, view, _ = served
    view.html = "<p>new</p>"
    assert ask(server, "/")[2] == b"<p>new</p>"


def test_the_head_has_no_content(served):
    server, _, _ = served
    status, headers, body = ask(server, "/", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == len(PAGE.encode())


@pytest.mark.parametrize("path", ["/x", "/../etc/passwd", "/state.json.bak", "/report.html"])
def test_other_paths_are_not_there(served, path):
    assert ask(served[0], path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_is_taken(served, method):
    assert ask(served[0], "/", method)[0] == 501


@pytest.mark.parametrize(
    "host",
    ["example.org", "example.org:{port}", "127.0.0.1.example.org:{port}", "10.0.0.1:{port}", ""],
)
def test_a_foreign_name_is_refused(served, host):
    status, _, body = ask(served[0], "/", host=host)
    assert status == 403
    assert PAGE.encode() not in body


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}"])
def test_this_machines_own_names_are_answered(served, host):
    assert ask(served[0], "/state.json", host=host)[0] == 200


def test_only_the_loopback_is_bound(served):
    server, _, _ = served
    assert server._http.server_address[0] == LOOPBACK == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server._http.server_port}/"


def test_it_ends_when_the_sweep_has_and_the_page_has_the_last_results(served):
    server, view, thread = served
    assert ask(server, "/")[0] == 200
    view.over.set()
    thread.join(0.3)
    assert thread.is_alive()
    assert ask(server, "/seen")[0] == 200
    thread.join(20)
    assert not thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, server._http.server_port), timeout=1).close()


def test_the_last_request_is_answered_before_the_server_ends(served):
    """At the end of serving an answer that is not sent yet would be cut off."""
    server, _, _ = served
    received = []
    with socket.create_connection((LOOPBACK, server.port), timeout=5) as client:

        class Seen(threading.Event):
            def set(self):
                received.append(client.recv(4096))
                super().set()

        server._seen = Seen()
        client.sendall(f"GET /seen HTTP/1.0\r\nHost: {LOOPBACK}\r\n\r\n".encode())
        assert server._seen.wait(10)
        server._seen = threading.Event()  # which the end of the test sets
    assert b" 200 OK" in received[0]


def test_it_does_not_wait_where_no_page_is_open(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_FAREWELL", 1e4)
    view = Still(tmp_path)
    view.over.set()
    server = Server(view)
    server._asked -= 2e4
    server.serve()
    assert view.looks == 1


def test_requests_leave_the_terminal_free(served, capfd):
    ask(served[0], "/")
    ask(served[0], "/x")
    assert capfd.readouterr() == ("", "")


def test_a_port_in_use_is_refused(served, tmp_path):
    port = served[0]._http.server_port
    with pytest.raises(ConfigError) as refused:
        Server(Still(tmp_path), port)
    assert str(refused.value) == (
        f"--port: {port} cannot be used: Address already in use; 0 takes a free one"
    )


def test_a_port_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="--port: 70000 cannot be used: no such port"):
        Server(Still(tmp_path), 70000)
