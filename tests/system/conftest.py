"""A server of forked programs, one for each process of tests."""

import pytest

from tests.system.forks import Forks


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    """Programs that start at once; see `forks`."""
    server = Forks(tmp_path_factory.mktemp("forks"))
    yield server
    server.close()
