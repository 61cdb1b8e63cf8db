"""Images as rows of tokens: pixels in raster order or patch by patch."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Int64, Integer
from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import bytes_digest, fingerprint
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.documents import ROWS, Documents
from epiplexity_jax.sources.files.npy import load_npz, map_npy
from epiplexity_jax.sources.files.paths import find_files
from epiplexity_jax.sources.joined import join
from epiplexity_jax.sources.spec import FiniteSource, HostSource, HostTokens, SourceInfo
from epiplexity_jax.sources.token_array import (
    as_array,
    beginning,
    bits_as_bytes,
    data_hash,
    file_origin,
    first_outside,
)

_VALUES = 256
_ENDINGS = (".npy", ".npz")  # of the files of a folder
_CHECKED = 1 << 22  # pixels that are looked at at a time
Pixels = Integer[np.ndarray, "n H W C"]


Channels = Literal["interleaved", "planar", "grey"]


class PixelOrder(Config):
    """The order and the levels in which an image becomes a row of tokens."""

    patch: int = Field(default=1, ge=1)
    """Side of the patches, which come in raster order, and so do the pixels of each; 1: the whole
    image in raster order."""
    channels: Channels = "interleaved"
    """Colours: red, green and blue of each pixel, or the image in red, in green, in blue; `grey`:
    the mean of the three, rounded to the nearest, for each pixel."""
    levels: int | None = Field(default=None, ge=2, le=1 << 16)
    """V, levels of brightness; default: all values of a pixel."""
    downsample: int = Field(default=1, ge=1)
    """Side of the squares whose mean is one pixel."""


class Images(PixelOrder):
    """Images as rows of pixels, grey or in colour: every pixel of every channel is a token.

    Of several files (a pattern, or a folder of .npy and .npz files) the images are read one file
    after the other. An image is a sequence, or several of `length` tokens, which stay one document.
    The parts of CIFAR-5M are read by `array: X`; the epiplexity paper takes their images in `grey`,
    in windows of 512 of the 1024 pixels.
    """

    kind: Literal["images"] = "images"
    path: str = Field(min_length=1)
    """The .npy or .npz file of whole numbers [n, H, W] or [n, H, W, 3], a pattern of several, or a
    folder of them, relative to the current folder."""
    array: str | None = Field(default=None, min_length=1)
    """Name of the array in a .npz file; default: the only one, or `images`."""
    shape: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """[H, W] or [H, W, 3], of images that are stored as rows of numbers [n, H W]."""
    values: int = Field(default=_VALUES, ge=2, le=1 << 16)
    """Values of a stored pixel: 0 to values - 1."""
    length: int | None = Field(default=None, ge=1)
    """L, tokens of a sequence, which divides those of an image; default: all of an image."""


@dataclass(frozen=True)
class Raster:
    """A `PixelOrder`, worked out for images of one shape.

    Attributes:
        shape: H, W, C of an image; C is 1 or 3.
        values: number of values that a pixel may have.
        levels: V, at most `values`; level i holds the pixels with pixel * V // values = i.
        patch: side of a patch, of downsampled pixels.
        planar: True for one channel after the other, False for one pixel after the other.
        downsample: side of the squares whose mean, rounded to the nearest, is one pixel.
        grey: True where the mean is of the colours, too.
    """

    shape: tuple[int, int, int]
    values: int = _VALUES
    levels: int = _VALUES
    patch: int = 1
    planar: bool = False
    downsample: int = 1
    grey: bool = field(default=False, repr=False)  # fingerprints are of `repr`, and older than it

    @property
    def length(self) -> int:
        """L, number of tokens of an image."""
        return math.prod(self._small)

    @property
    def lossless(self) -> bool:
        """True if the image can be made again from its tokens."""
        return self.levels == self.values and self.downsample == 1 and not self.grey

    def tokens(self, images: Pixels) -> HostTokens:
        """Convert images to tokens [n, L], in the smallest type."""
        count, side = len(images), self.downsample
        height, width, _ = self._small
        if side > 1 or self.grey:
            squares = images.reshape(count, height, side, width, side, self.shape[2])
            size = side**2 * (squares.shape[-1] if self.grey else 1)
            sums = squares.sum(axis=(2, 4, 5) if self.grey else (2, 4), dtype=np.int64)
            images = (sums.reshape(count, *self._small) + size // 2) // size
        if self.levels != self.values:
            images = images.astype(np.int64) * self.levels // self.values
        patches = images.reshape(self._patches(count)).transpose(self._order)
        return patches.reshape(count, self.length).astype(np.min_scalar_type(self.levels - 1))

    def images(self, tokens: HostTokens) -> Pixels:
        """Convert tokens back to small images [n, H, W, C], in the middle of each level."""
        shape = self._patches(len(tokens))
        patches = tokens.reshape([shape[axis] for axis in self._order])
        levels = patches.transpose(np.argsort(self._order)).reshape(-1, *self._small)
        lowest = -(-np.arange(self.levels + 1) * self.values // self.levels)
        middle = (lowest[:-1] + lowest[1:] - 1) // 2
        return middle[levels].astype(np.min_scalar_type(self.values - 1))

    @property
    def _small(self) -> tuple[int, int, int]:
        height, width, channels = self.shape
        return height // self.downsample, width // self.downsample, 1 if self.grey else channels

    def _patches(self, count: int) -> tuple[int, ...]:
        """Axes of images in patches: image, row of patches, row, column of patches, column."""
        height, width, channels = self._small
        side = self.patch
        return count, height // side, side, width // side, side, channels

    @property
    def _order(self) -> tuple[int, ...]:
        return (0, 5, 1, 3, 2, 4) if self.planar else (0, 1, 3, 2, 4, 5)


@dataclass(frozen=True, eq=False)
class ImageSequences(FiniteSource):
    """Images as tokens, made by `raster`; `raster.images` is the way back for whole images."""

    raster: Raster


def open_images(config: Images) -> HostSource:
    """Map a .npy file and read it once, for checks and hash, or read a .npz into memory.

    Of a .npz file whose images become fewer tokens than they have numbers, as grey ones do, only
    the tokens are kept.

    Raises:
        DataError: when a file is missing, damaged, lacks the array, or holds no images of the
            config's shape and values.
    """
    paths = find_files(config.path, _ENDINGS)
    return join([_open_file(path, config) for path in paths], config.path)


def _open_file(path: Path, config: Images) -> ImageSequences:
    archive = path.suffix.lower() == ".npz"
    if archive:
        (pixels,) = load_npz(path, config.array or "images", alone=config.array is None)
    else:
        if config.array is not None:
            raise DataError(f"{path}: array: only arrays of a .npz file have names; leave it out")
        pixels = map_npy(path)
    return _open(pixels, str(path), config, file_origin(path), in_memory=archive)


def from_images(
    images: Any,
    *,
    patch: int = 1,
    channels: Channels = "interleaved",
    levels: int | None = None,
    downsample: int = 1,
    values: int = _VALUES,
    length: int | None = None,
) -> ImageSequences:
    """Make a source of images in an array. A NumPy array is not copied, so leave it as it is.

    Args:
        images: [n, H, W] or [n, H, W, C] integers or booleans of NumPy or JAX; C is 1 or 3.
        patch: side of the patches, which come in raster order, and so do the pixels of each.
        channels: order of colours: those of a pixel in turn, or one colour after another; or
            `grey`, their mean.
        levels: V; default: `values`.
        downsample: side of the squares whose mean is one pixel.
        values: number of values that a pixel may have, 0 to values - 1.
        length: L, which divides the tokens of an image; default: all of them.

    Raises:
        ConfigError: when an argument is out of range.
        DataError: when it is no array, masked, or holds no such images.

    >>> source = from_images(np.arange(32).reshape(2, 4, 4), patch=2)
    >>> source.read(np.array([0])).tolist()
    [[0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]]
    """
    config = Images(
        path="images",
        patch=patch,
        channels=channels,
        levels=levels,
        downsample=downsample,
        values=values,
        length=length,
    )
    return _open(as_array(images, "images"), "images", config)


def raster(shape: tuple[int, ...], order: PixelOrder, values: int, where: str) -> Raster:
    """Choose the conversion of images of one shape to tokens.

    Args:
        shape: [H, W] or [H, W, C].
        order: the config's order of pixels.
        values: number of values that a pixel may have.
        where: name of the file or array, for messages.

    Raises:
        DataError: when it is no image's shape, or cannot be cut into such squares.
    """
    if len(shape) not in (2, 3) or len(shape) == 3 and shape[2] not in (1, 3) or 0 in shape:
        raise DataError(
            f"{where}: has images of shape {shape}; give [height, width] or [height, width, 3], "
            "colours last"
        )
    height, width = shape[:2]
    sides = {"downsample": order.downsample, "patch": order.downsample * order.patch}
    for key, side in sides.items():
        if height % side or width % side:
            raise DataError(
                f"{where}: {key}: images of {height} x {width} pixels cannot be cut into squares "
                f"of {side} x {side}"
            )
    colours = shape[2] if len(shape) == 3 else 1
    if order.channels != "interleaved" and colours == 1:
        raise DataError(f"{where}: channels: grey images have one; leave it out")
    levels = order.levels or values
    if levels > values:
        raise DataError(f"{where}: levels: a pixel has {values} values, got {levels} levels")
    planar, grey = order.channels == "planar", order.channels == "grey"
    shape = (height, width, colours)
    return Raster(shape, values, levels, order.patch, planar, order.downsample, grey)


def _open(
    pixels: np.ndarray, where: str, config: Images, *origins: str, in_memory: bool = False
) -> ImageSequences:
    if pixels.dtype.kind not in "iub":
        raise DataError(f"{where}: holds {pixels.dtype}; pixels are whole numbers from 0")
    if pixels.ndim < 2 or pixels.size == 0:
        raise DataError(f"{where}: is of shape {pixels.shape}; give images [n, H, W]")
    if pixels.ndim == 2 and config.shape is None:
        raise DataError(
            f"{where}: has rows of {pixels.shape[1]} numbers; say their shape: [H, W] or [H, W, 3]"
        )
    shape = config.shape or pixels.shape[1:]
    if math.prod(shape) != pixels[0].size:
        raise DataError(
            f"{where}: shape: {list(shape)} is not the shape of {pixels[0].size} numbers"
        )
    made = raster(shape, config, config.values, where)
    pixels = bits_as_bytes(pixels.reshape(len(pixels), *made.shape))
    length = config.length or made.length
    if made.length % length:
        raise DataError(
            f"{where}: length: expected a divisor of an image's {made.length} tokens, got {length}"
        )
    windows = made.length // length
    origin = bytes_digest(_checked(pixels, config.values, where))
    others = ["grey"] * made.grey + [length] * (windows > 1)
    info = SourceInfo.all_labels(
        made.levels,
        length,
        fingerprint("images", made, origin, *others),
        bytes_per_token=1.0 if made.lossless and made.values == _VALUES else None,
        origins=(origin, data_hash(beginning(pixels)), *origins),
        documents=_documents(len(pixels), windows),
    )

    def read(rows: Int64[np.ndarray, " n"]) -> HostTokens:
        return made.tokens(pixels[rows])

    if in_memory and made.length < pixels[0].size:
        tokens = np.concatenate([made.tokens(part) for part in _parts(pixels)])

        def read(rows: Int64[np.ndarray, " n"]) -> HostTokens:
            return tokens[rows]

    if windows > 1:
        read = _Windows(read, windows, length).read
    return ImageSequences(info, len(pixels) * windows, read, made)


def _documents(images: int, windows: int) -> Documents:
    """Make those of images that are cut into so many windows each."""
    if windows == 1:
        return ROWS
    if images == 1:
        return Documents.of_text(windows)
    image, window = np.divmod(np.arange(images * windows), windows)
    spans = image[:, None].repeat(2, axis=1)
    return Documents("files", spans, image * (windows + 1) + window)  # no image continues another


@dataclass(frozen=True)
class _Windows:
    """Reads windows of images by their index; `images` gives the tokens of whole ones."""

    images: Callable[[Int64[np.ndarray, " n"]], HostTokens]
    windows: int
    length: int

    def read(self, rows: Int64[np.ndarray, " n"]) -> HostTokens:
        """Read windows [n, L]."""
        image, window = np.divmod(rows, self.windows)
        cut = self.images(image).reshape(len(rows), self.windows, self.length)
        return cut[np.arange(len(rows)), window]


def _parts(pixels: Pixels) -> Iterator[Pixels]:
    """Cut images into parts that are looked at at a time."""
    step = max(1, _CHECKED // pixels[0].size)
    return (pixels[first : first + step] for first in range(0, len(pixels), step))


def _checked(pixels: Pixels, values: int, where: str) -> Iterator[memoryview]:
    """Check all pixels, image by image, and give their bytes to be hashed."""
    dtype, first = np.min_scalar_type(values - 1).newbyteorder("<"), 0
    for chunk in _parts(pixels):
        outside = first_outside(chunk, values)
        if outside is not None:
            raise DataError(
                f"{where}: pixel {chunk[outside]} in image {first + outside[0]} is not in 0 to "
                f"{values - 1}; say how many `values` a pixel has"
            )
        yield np.ascontiguousarray(chunk, dtype).data
        first += len(chunk)
