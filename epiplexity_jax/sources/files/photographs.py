"""Photographs cut into small grey pictures."""

import dataclasses
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources.documents import Documents
from epiplexity_jax.sources.files.images import from_images
from epiplexity_jax.sources.files.paths import find_files
from epiplexity_jax.sources.spec import HostSource, SourceInfo
from epiplexity_jax.sources.token_array import file_origin

_ENDINGS = (".jpg", ".jpeg", ".png")


class Photographs(Config):
    """Photographs in JPEG or PNG files, cut into small grey pictures, each a row of pixels.

    The pictures are disjoint squares from the upper left on; what is left at the right and lower
    edges is not used. A pixel is the mean of its red, green and blue. The default are the two
    sample photographs of scikit-learn (CC BY 2.0), of 640 x 427 pixels, which are 520 pictures of
    32 x 32 in all: enough for a look, and far too few for a result. Pictures of one photograph
    resemble each other; `heldout.split: documents` holds out whole photographs, where there are
    several.

    Files are decoded by Pillow: `pip install 'epiplexity-jax[photographs]'`.
    """

    kind: Literal["photographs"] = "photographs"
    path: str | None = Field(default=None, min_length=1)
    """The file, a pattern such as `holiday/*.jpg`, or a folder, relative to the current folder;
    default: the two that scikit-learn brings."""
    side: int = Field(default=32, ge=1)
    """Side of a picture, in pixels."""
    levels: int | None = Field(default=None, ge=2, le=256)
    """V, levels of brightness; default: all 256."""
    length: int | None = Field(default=None, ge=1)
    """L, tokens of a sequence, which divides the pixels of a picture; default: all of them."""


def open_photographs(config: Photographs) -> HostSource:
    """Decode the files in the order of their paths, and keep the squares in memory.

    Raises:
        ConfigError: when Pillow is missing, or no path is given and scikit-learn is missing.
        DataError: when a file is missing, no picture or damaged, when all are smaller than a
            square, or `length` does not divide it.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ConfigError(
            "kind: photographs needs the package Pillow; pip install 'epiplexity-jax[photographs]'"
        ) from None
    paths = list(_paths(config.path))
    squares = [_squares(_pixels(Image, path), config.side) for path in paths]
    where = config.path or "scikit-learn's photographs"
    if not (count := sum(map(len, squares))):
        raise DataError(f"{where}: no photograph holds a square of {config.side} pixels")
    source = from_images(
        np.concatenate(squares), channels="grey", levels=config.levels, length=config.length
    )
    photographs = np.repeat(np.arange(len(paths)), list(map(len, squares)))
    used = sum(len(each) > 0 for each in squares)  # others are smaller than a picture
    note = (
        f"{where}: {count:,} disjoint pictures of {config.side} x {config.side} pixels, of "
        f"{used} photographs"
    )
    info: SourceInfo = dataclasses.replace(
        source.info,
        documents=_documents(source.info.documents, photographs),
        origins=(*source.info.origins, *map(file_origin, paths)),
        notes=(*source.info.notes, note),
    )
    return dataclasses.replace(source, info=info)


def _paths(path: str | None) -> Iterator[Path]:
    """Find the files of photographs.

    Raises:
        ConfigError: when scikit-learn, whose photographs are the default, is missing.
        DataError: when there is no such file.
    """
    if path is not None:
        yield from find_files(path, _ENDINGS)
        return
    spec = find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "path: the default are the photographs of scikit-learn, which is not installed; give a "
            "path, or pip install 'epiplexity-jax[photographs]'"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "datasets" / "images"
    yield from find_files(str(folder), _ENDINGS)


def _pixels(image: Any, path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """Decode a file.

    Raises:
        DataError: when it is missing, no picture, damaged or of more than 8 bits per value.
    """
    try:
        with image.open(path) as opened:
            if opened.mode.startswith(("I", "F")):  # which Pillow would clip at 255
                raise DataError(f"{path}: has pixels of more than 8 bits; save it with 8 bits")
            return np.asarray(opened.convert("RGB"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        raise DataError(f"{path}: is no picture that Pillow can decode: {error}") from None


def _squares(pixels: UInt8[np.ndarray, "H W 3"], side: int) -> UInt8[np.ndarray, "n s s 3"]:
    """Cut a photograph into disjoint squares, row by row."""
    rows, columns = (size // side for size in pixels.shape[:2])
    cut = pixels[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    return cut.swapaxes(1, 2).reshape(rows * columns, side, side, 3)


def _documents(pictures: Documents, photographs: np.ndarray) -> Documents:
    """Make photographs the documents, where there are several.

    Args:
        pictures: documents of the sequences, which are pictures or parts of them.
        photographs: [n] number of the photograph that each picture is from.
    """
    if photographs[0] == photographs[-1]:
        return pictures
    if pictures.spans is None:
        return Documents("files", photographs[:, None].repeat(2, axis=1))
    return Documents("files", photographs[pictures.spans], pictures.places)
