"""TensorFlow Datasets that were prepared as ArrayRecord, read without TensorFlow."""

import functools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Integer
from pydantic import Field, model_validator

from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.digest import bytes_digest, fingerprint
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources.documents import Documents
from epiplexity_jax.sources.files.characters import ASCII96, Alphabet
from epiplexity_jax.sources.files.corpus import count_tokens, from_bytes
from epiplexity_jax.sources.files.images import PixelOrder, Raster, raster
from epiplexity_jax.sources.python.entry_points import line
from epiplexity_jax.sources.random_access import MEMORY, RowFacts, open_rows
from epiplexity_jax.sources.spec import HostSource
from epiplexity_jax.sources.token_array import (
    DEFAULT_LENGTH,
    MAX_VOCAB,
    TokenSequences,
    open_tokens,
    readable,
)

_NAME = re.compile(r"[A-Za-z_]\w*(/[\w.+-]+)?([:/]\d+\.\d+\.\d+)?")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_RECORDS = "array_record"
_CURE = f"tfds build --file_format={_RECORDS}"
_READ = {"workers", "memory"}


class Tfds(PixelOrder):
    """One feature of a data set of TensorFlow Datasets, read from ArrayRecord files.

    Texts, and integers of which an example has one or any number, are joined end to end, kept in
    memory and cut into sequences. An array of integers of fixed shape is a sequence, and so is an
    image of fixed shape, every pixel of every channel a token (`patch`, `channels`, `levels` and
    `downsample` as in `images`). Nothing is downloaded or prepared. Needs `pip install
    epiplexity-jax[tfds]`; a data set prepared as TFRecord needs TensorFlow and is refused.
    """

    kind: Literal["tfds"] = "tfds"
    name: str = Field(min_length=1)
    """`name`, `name/config` or either with a version, `name:1.2.3`; default: the newest one."""
    split: str = Field(default="train", min_length=1)
    """As TFDS writes it: `train`, `train[:10%]`, `train+test`."""
    feature: str | None = Field(default=None, min_length=1)
    """Name of the feature; default: the only feature that can be read."""
    data_dir: str | None = Field(default=None, min_length=1)
    """Folder of prepared data sets; default: `TFDS_DATA_DIR`, or ~/tensorflow_datasets."""
    alphabet: Alphabet = "ascii96"
    """Alphabet of text: `ascii96`, `bytes`, `characters` (all that occur), or the characters
    themselves."""
    unknown: Literal["error", "drop"] = "error"
    """Treatment of a character outside the alphabet."""
    separator: str = "\n"
    """Text put between two examples."""
    vocab_size: int | None = Field(default=None, ge=2, le=MAX_VOCAB)
    """V of integers; default: the classes of a label, or the largest joined integer + 1."""
    length: int | None = Field(default=None, ge=1)
    """L, tokens of a sequence of joined examples; default 128."""
    workers: int = Field(default=0, ge=0, le=1024)
    """Processes that read images and arrays; 0: none."""
    memory: float = Field(default=MEMORY, ge=0)
    """Bytes: images and arrays whose tokens take no more are read once and kept, others whenever
    they are needed."""

    @model_validator(mode="after")
    def _separator_is_text(self) -> "Tfds":
        known = dict.fromkeys(("bytes", "characters"), self.separator) | {"ascii96": ASCII96}
        known = known.get(self.alphabet, self.alphabet)
        strange = set(self.separator) - set(known)
        if strange:
            raise ValueError(
                f"separator: {min(strange)!r} is not in the alphabet; name another, or '' for none"
            )
        return self


def open_tfds(config: Tfds) -> HostSource:
    """Find a data set by its folder; the code that made it is neither needed nor run.

    The fingerprint is of name, version, split, feature, the options and the contents of the files.

    Raises:
        ConfigError: when TensorFlow Datasets is not installed.
        DataError: when there is no such data set, version, split or feature, it is not prepared as
            ArrayRecord or damaged, or the feature cannot be read, holds too little, or does not
            go with the options.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError:
        raise ConfigError("tfds: is not installed: pip install epiplexity-jax[tfds]") from None
    folder = _folder(config)
    try:
        builder: Any = tfds.builder_from_directory(folder)
        formats = {found.value for found in builder.info.available_file_formats()}
    except Exception as error:  # noqa: BLE001 - a damaged description makes TFDS raise anything
        raise DataError(f"{folder}: is no prepared data set: {line(error)}") from None
    if _RECORDS not in formats:
        raise DataError(
            f"{folder}: is prepared as {', '.join(sorted(formats)) or 'nothing'}, which only "
            f"TensorFlow reads; prepare it again: {_CURE}"
        )
    name, feature = _feature(builder.info.features, config.feature, str(folder))
    files = _files(builder, config.split, str(folder))
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    records = builder.as_data_source(config.split, deserialize_method=raw, file_format=_RECORDS)
    one = tfds.features.FeaturesDict({name: feature})  # no other feature is decoded
    where = f"{builder.info.full_name}, split {config.split}, feature {name}"
    sort = _sort(feature) or ""
    opener, options = _SORTS[sort]
    others = set().union(*(known for _, known in _SORTS.values())) - options
    for key in sorted(others & config.model_fields_set):
        raise DataError(f"{where}: {key}: does not apply to {sort}; leave it out")
    opened = opener(_Column(records, one, name), feature, config, where)
    hashed = config.model_dump(exclude={"kind", "name", "data_dir", "feature", *_READ})
    facts = (builder.info.full_name, name, sorted(hashed.items()), files)
    info = replace(
        opened.info,
        fingerprint=fingerprint("tfds", *facts),
        origins=(*opened.info.origins, *(each[-1] for each in files)),
    )
    return replace(opened, info=info)


@dataclass(frozen=True)
class _Column:
    """One feature of every example, by index; worker processes get a copy.

    `one` decodes the feature `name` alone of serialised `records`; `change` converts its value.
    """

    records: Any
    one: Any
    name: str
    change: Callable[[Any], Any] = field(default=lambda example: example)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Any:
        return self.change(self.one.deserialize_example_np(self.records[index])[self.name])

    def read(self, where: str) -> Iterator[Any]:
        """Read every example in turn.

        Raises:
            DataError: naming the example that cannot be read.
        """
        for index in range(len(self)):
            try:
                yield self[index]
            except Exception as error:  # noqa: BLE001 - a damaged file makes TFDS raise anything
                raise DataError(f"{where}: example {index}: {line(error)}") from None


def _text(column: _Column, feature: Any, config: Tfds, where: str) -> TokenSequences:
    separator, length = config.separator.encode(), config.length or DEFAULT_LENGTH
    examples = list(column.read(where))
    options = (config.alphabet, config.unknown)
    opened = from_bytes(separator.join(examples), where, *options, length)
    return _of_examples(opened, [count_tokens(each + separator, *options) for each in examples])


def _integers(column: _Column, feature: Any, config: Tfds, where: str) -> TokenSequences:
    parts = [np.asarray(part, np.int64).reshape(-1) for part in column.read(where)]
    classes = getattr(feature, "num_classes", None) or None
    vocab_size = config.vocab_size or classes and max(2, classes)
    opened = open_tokens(np.concatenate(parts), where, config.length, vocab_size)
    return _of_examples(opened, [len(part) for part in parts])


def _of_examples(opened: TokenSequences, sizes: list[int]) -> TokenSequences:
    """Note which examples, of so many tokens each, the sequences are windows of."""
    documents = Documents.of_files(np.cumsum(sizes), opened.sequences, opened.info.length)
    return replace(opened, info=replace(opened.info, documents=documents))


def _arrays(column: _Column, feature: Any, config: Tfds, where: str) -> HostSource:
    if config.vocab_size is None:
        raise DataError(f"{where}: vocab_size: say how many symbols its integers have")
    return _rows(replace(column, change=np.ravel), config, where, config.vocab_size, None)


def _images(column: _Column, feature: Any, config: Tfds, where: str) -> HostSource:
    made = raster(feature.shape, config, 1 << 8 * np.dtype(feature.np_dtype).itemsize, where)
    column = replace(column, change=functools.partial(_pixels, made))
    bytes_each = 1.0 if made.lossless and made.values == 256 else None
    return _rows(column, config, where, made.levels, bytes_each)


def _pixels(made: Raster, image: Integer[np.ndarray, "..."]) -> Integer[np.ndarray, " length"]:
    return made.tokens(image.reshape(1, *made.shape))[0]


def _rows(
    column: _Column, config: Tfds, where: str, vocab_size: int, bytes_per_token: float | None
) -> HostSource:
    return open_rows(
        column,
        where,
        vocab_size,
        workers=config.workers,
        memory=config.memory,
        facts=RowFacts(where, bytes_per_token),  # the name is replaced by the files' hash
    )


# By sort of feature: what opens it, and the options that apply.
_SORTS: dict[str, tuple[Callable[[_Column, Any, Tfds, str], Any], set[str]]] = {
    "text": (_text, {"alphabet", "unknown", "separator", "length"}),
    "integers": (_integers, {"length", "vocab_size"}),
    "arrays": (_arrays, {"vocab_size", *_READ}),
    "images": (_images, {*PixelOrder.model_fields, *_READ}),
}


def _sort(feature: Any) -> str | None:
    """Choose the opener that reads a feature, or None."""
    from tensorflow_datasets import features

    if isinstance(feature, features.Text):
        return "text"
    shape, dtype = feature.shape, feature.np_dtype
    if isinstance(shape, dict) or isinstance(dtype, dict) or np.dtype(dtype).kind not in "iub":
        return None
    if isinstance(feature, features.Image):
        return None if None in shape else "images"
    if len(shape) < 2 and (not shape or shape[0] is None):
        return "integers"
    return None if None in shape else "arrays"


def _feature(features: Any, wanted: str | None, where: str) -> tuple[str, Any]:
    """Find the feature to read, by its name."""
    if not hasattr(features, "items"):
        raise DataError(f"{where}: has no features with names")
    sorts = {name: _sort(features[name]) for name in sorted(features)}
    held = ", ".join(f"{name} ({sort or 'cannot be read'})" for name, sort in sorts.items())
    readable = [name for name, sort in sorts.items() if sort]
    if wanted is None and len(readable) != 1:
        raise DataError(f"{where}: feature: say which one; it has: {held}")
    name = wanted or readable[0]
    if name not in sorts:
        raise DataError(f"{where}: feature: {did_you_mean('feature', name, sorts)}")
    if not sorts[name]:
        raise DataError(
            f"{where}: feature: {name} is {' '.join(str(features[name]).split())}; text, integers, "
            f"and images and arrays of integers of fixed shape can be read; it has: {held}"
        )
    return name, features[name]


def _files(builder: Any, split: str, where: str) -> tuple[tuple[str, int, int, str], ...]:
    """List a split's files: name, first example, number of examples and hash of each."""
    splits = builder.info.splits
    try:
        info = splits[split]
        examples = info.num_examples
        parts = info.file_instructions if examples else []
    except Exception:  # noqa: BLE001 - TFDS raises several
        raise DataError(
            f"{where}: split: {split!r} is unknown to TFDS; it has: {', '.join(splits)}"
        ) from None
    if not examples:
        raise DataError(f"{where}: split: {split!r} is empty; there is nothing to measure")
    return tuple((Path(p.filename).name, p.skip, p.take, _hash(Path(p.filename))) for p in parts)


def _hash(path: Path) -> str:
    with readable(path), path.open("rb") as file:
        return bytes_digest(iter(functools.partial(file.read, 1 << 20), b""))


def _folder(config: Tfds) -> Path:
    """Find the folder of a prepared data set of one version."""
    if not _NAME.fullmatch(config.name):
        raise DataError(f"name: must be name, name/config or name:1.2.3, got {config.name!r}")
    name, _, version = config.name.partition(":")
    if not version and _VERSION.fullmatch(name.rpartition("/")[2]):
        name, _, version = name.rpartition("/")
    home = config.data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    root = Path(home).expanduser()
    folder = root / name
    if not folder.is_dir():
        held = sorted({path.parent.parent.name for path in root.glob("*/*/features.json")})
        cure = (
            f"it holds: {', '.join(held)}" if held else f"name its data_dir, or prepare it: {_CURE}"
        )
        raise DataError(f"name: no data set {name!r} in {root}; {cure}")
    versions = [path.name for path in folder.iterdir() if _VERSION.fullmatch(path.name)]
    versions.sort(key=lambda each: [int(part) for part in each.split(".")])
    if not versions:
        configs = sorted({path.parent.parent.name for path in folder.glob("*/*/features.json")})
        if configs:
            named = ", ".join(f"{name}/{each}" for each in configs)
            raise DataError(f"name: say which of its configs: {named}")
        raise DataError(f"name: {folder} is not prepared: {_CURE}")
    if version and version not in versions:
        raise DataError(f"name: {folder} has no version {version}; it has: {', '.join(versions)}")
    return folder / (version or versions[-1])
