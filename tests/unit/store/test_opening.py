"""Folders that are opened as a store, and those that are refused."""

import pytest

from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.store import Store


def make_file(path):
    path.write_text("a file", encoding="utf-8")


def make_config_alone(path):
    """Somebody's config, which the store's own would overwrite."""
    path.mkdir()
    (path / "sweep.yaml").touch()


def make_foreign(path):
    path.mkdir()
    (path / "thesis.tex").touch()


@pytest.mark.parametrize(
    ("make", "create", "message"),
    [
        (lambda path: None, False, "no such store; `epiplexity-jax run` makes one"),
        (make_file, False, "is a file; a store is a folder"),
        (make_file, True, "is a file; a store is a folder"),
        (make_foreign, False, r"is no store, it holds thesis.tex$"),
        (make_foreign, True, "it holds thesis.tex; choose an empty or new folder"),
        (make_config_alone, True, "it holds sweep.yaml; choose an empty or new folder"),
        (lambda path: path.mkdir(), False, "is an empty folder, no store"),
    ],
)
def test_what_is_no_store_is_refused(make, create, message, tmp_path):
    make(tmp_path / "x")
    with pytest.raises(StoreError, match=message):
        Store.open(tmp_path / "x", create=create)


def test_a_store_below_a_file_is_refused(tmp_path):
    make_file(tmp_path / "x")
    with pytest.raises(StoreError, match="Not a directory"):
        Store.open(tmp_path / "x" / "store", create=True)


def test_an_empty_folder_can_become_a_store(tmp_path):
    store = Store.open(tmp_path, create=True)
    assert store.finished() == {}
    assert not list(tmp_path.iterdir())
    store.write_config("seed: 1\n")
    assert Store.open(tmp_path).read_config() == "seed: 1\n"


def test_nothing_is_made_before_something_is_written(tmp_path):
    store = Store.open(tmp_path / "runs" / "x", create=True)
    assert not (tmp_path / "runs").exists()
    with store.lock():
        assert Store.open(tmp_path / "runs" / "x").finished() == {}
