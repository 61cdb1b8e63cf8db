"""Processes that meet, and those that wait in vain: one line and no dump."""

import socket
import threading

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.runtime.rendezvous import rendezvous


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("", 0))
        return free.getsockname()[1]


def meeting(port, members, seconds=20.0):
    """What each (process, processes) of a job hears: None, or a sentence."""
    heard = {}

    def come(which):
        try:
            heard[which] = rendezvous("localhost", port, *which, seconds=seconds)
        except ConfigError as error:
            heard[which] = str(error)

    threads = [threading.Thread(target=come, args=(which,)) for which in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return heard


def test_all_go_on_when_the_last_has_come_and_may_meet_there_again(port):
    three = [(2, 3), (1, 3), (0, 3)]
    for _ in range(2):
        assert meeting(port, three) == dict.fromkeys(three)


def test_one_alone_says_who_did_not_come(port):
    heard = meeting(port, [(0, 3)], seconds=0.2)
    assert heard[0, 3] == f"--join: localhost:{port}: of 3 processes these did not come: 1, 2"
    heard = meeting(port, [(1, 3)], seconds=0.2)
    assert heard[1, 3] == f"--join: localhost:{port}: nobody answers"


def test_processes_that_were_told_different_things_are_refused(port):
    heard = meeting(port, [(0, 2), (1, 3)])
    assert heard == {
        (0, 2): f"--join: localhost:{port}: process 1/3 came to a job of 2",
        (1, 3): f"--join: localhost:{port}: process 0 ended before all had come",
    }


def test_strangers_are_let_go(port):
    def visit():
        while True:
            try:
                with socket.create_connection(("localhost", port), timeout=5) as stranger:
                    stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
                    return
            except ConnectionRefusedError:
                continue

    visitor = threading.Thread(target=visit)
    visitor.start()
    leader = threading.Thread(target=meeting, args=(port, [(0, 2)]))
    leader.start()
    visitor.join()
    assert meeting(port, [(1, 2)]) == {(1, 2): None}
    leader.join()


def test_places_that_are_none_are_refused(port):
    with pytest.raises(ConfigError, match="expected a port from 1 to 65535, got "):
        rendezvous("localhost", 99999, 0, 2, 1.0)
    with pytest.raises(ConfigError, match="no such host"):
        rendezvous("nowhere.invalid", port, 1, 2, 5.0)
    with socket.create_server(("", port)), pytest.raises(ConfigError, match="cannot listen there"):
        rendezvous("localhost", port, 0, 2, 1.0)
