"""Reports of small stores, which tests only read."""

import pytest

from epiplexity_jax.pages import build
from epiplexity_jax.pages.build import page_of
from epiplexity_jax.pages.gather import gather
from tests.unit.store.stored import make_law_store, make_store


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of stores: `small` and `other` hold the same sources, `law` one of them."""
    root = tmp_path_factory.mktemp("reported")
    make_store(root / "small")
    make_store(root / "other")
    make_law_store(root / "law")
    return root


@pytest.fixture(scope="session")
def small(folder):
    """The report of a store of two sources."""
    return gather([folder / "small"])


@pytest.fixture(scope="session")
def law(folder):
    """The report of a store of one source, whose losses follow a law."""
    return gather([folder / "law"])


@pytest.fixture(scope="session")
def both(folder):
    """The report of two stores that hold the same sources, without what takes long."""
    return gather([folder / "small", folder / "other"], [3.0e9, 6.0e9], thorough=False)


@pytest.fixture(scope="session")
def small_page(small):
    """The page of a store of two sources."""
    return page_of(small, ["--floor", "ema"])


@pytest.fixture(scope="session")
def law_page(law):
    """The page of a store of one source."""
    return page_of(law)


@pytest.fixture
def few_stops(monkeypatch):
    """Let sliders have few stops: each asks every frontier."""
    monkeypatch.setattr(build, "_STOPS", 3)
