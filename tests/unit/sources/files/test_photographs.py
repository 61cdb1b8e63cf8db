"""Photographs: squares by hand, grey, their documents, and what is refused."""

import builtins
import importlib.machinery

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Photographs, open_source

Image = pytest.importorskip("PIL.Image")
FIRST = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
SECOND = np.random.default_rng(1).integers(0, 256, (4, 2, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Two photographs, whose squares of two pixels are six and two."""
    made = tmp_path / "photographs"
    made.mkdir()
    Image.fromarray(FIRST).save(made / "a.png")
    Image.fromarray(SECOND).save(made / "b.png")
    (made / "notes.txt").write_text("no picture", encoding="utf-8")
    return made


def opened(path, **options):
    return open_source(Photographs(path=None if path is None else str(path), **options))


def test_squares_are_disjoint_and_grey_is_the_mean(folder):
    source = opened(folder, side=2)
    rows = source.read(np.arange(source.sequences))
    grey = [(each.astype(int).sum(axis=2) * 2 + 3) // 6 for each in (FIRST, SECOND)]
    corners = [(0, y, x) for y in (0, 2) for x in (0, 2, 4)] + [(1, 0, 0), (1, 2, 0)]
    expected = [grey[k][y : y + 2, x : x + 2].ravel() for k, y, x in corners]
    assert rows.tolist() == [each.tolist() for each in expected]
    assert (source.info.vocab_size, source.info.bytes_per_token) == (256, None)


def test_photographs_are_documents_and_the_note_counts_pictures(folder):
    info = opened(folder, side=2).info
    assert info.documents.spans[:, 0].tolist() == [0] * 6 + [1] * 2
    assert "8 disjoint pictures of 2 x 2 pixels, of 2 photographs" in info.notes[-1]
    halves = opened(folder, side=2, length=2).info
    assert halves.documents.spans[:, 0].tolist() == [0] * 12 + [1] * 4
    assert opened(folder / "a.png", side=2).info.documents.kind == "rows"


def test_scikit_learns_are_the_default(folder, tmp_path, monkeypatch):
    (tmp_path / "sklearn" / "datasets").mkdir(parents=True)
    folder.rename(tmp_path / "sklearn" / "datasets" / "images")
    spec = importlib.machinery.ModuleSpec("sklearn", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path / "sklearn")]
    monkeypatch.setattr("epiplexity_jax.sources.files.photographs.find_spec", lambda _: spec)
    assert opened(None, side=2).sequences == 8
    monkeypatch.setattr("epiplexity_jax.sources.files.photographs.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="path: the default are the photographs of scikit-learn"):
        opened(None)


def test_what_is_no_photograph_is_refused_in_one_line(folder):
    wrong = {
        folder / "none.png": "no such file",
        folder / "notes.txt": "is no picture",
        folder: "no photograph holds a square of 32 pixels",
    }
    cut = (folder / "a.png").read_bytes()[:60]
    (folder.parent / "cut.png").write_bytes(cut)
    wrong[folder.parent / "cut.png"] = "is no picture"
    for path, said in wrong.items():
        with pytest.raises(DataError, match=said) as raised:
            opened(path)
        assert "\n" not in str(raised.value)
    with pytest.raises(DataError, match="length: expected a divisor of an image's 4 tokens"):
        opened(folder, side=2, length=3)


def test_pillow_is_asked_for_where_it_is_missing(folder, monkeypatch):
    known = builtins.__import__

    def refuse(name, *rest):
        if name == "PIL":
            raise ImportError(name)
        return known(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError, match=r"needs the package Pillow; pip install 'epiplexity"):
        opened(folder)


def test_pixels_of_16_bits_are_not_clipped(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)).save(path)
    with pytest.raises(DataError, match=r"deep\.png: has pixels of more than 8 bits"):
        opened(path, side=2)


def test_a_photograph_that_is_too_small_is_not_counted(folder):
    Image.fromarray(SECOND[:1]).save(folder / "small.png")
    assert (
        "8 disjoint pictures of 2 x 2 pixels, of 2 photographs"
        in opened(folder, side=2).info.notes[-1]
    )
