"""A small data set of TensorFlow Datasets for examples and tests, prepared without a network."""

import contextlib
import functools
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = {"train": 400, "test": 100}


def texts(index: int) -> str:
    """Text of an example."""
    return f"number {index}"


def image(index: int) -> np.ndarray:
    """Image of an example: [4, 6, 3] uint8, of which every number depends on the place."""
    return ((np.arange(72) * 7 + index) % 256).astype(np.uint8).reshape(4, 6, 3)


def row(index: int) -> np.ndarray:
    """Row of an example: [16] int32 below 47."""
    return ((np.arange(16, dtype=np.int32) + index) ** 2 % 47).astype(np.int32)


@functools.cache
def _builder() -> Any:
    import tensorflow_datasets as tfds
    from PIL import Image

    class TinyNumbers(tfds.core.GeneratorBasedBuilder):
        """Numbers in words, in pixels and in rows; no task."""

        __module__ = "tiny_tfds"  # of one name: TFDS wants `importlib_resources` for packages
        VERSION = tfds.core.Version("1.0.0")

        def _info(self) -> Any:
            of = tfds.features
            columns = {
                "text": of.Text(),
                "image": of.Image(shape=(4, 6, 3)),
                "row": of.Tensor(shape=(16,), dtype=np.int32),
                "digits": of.Sequence(np.int64),
                "label": of.ClassLabel(num_classes=10),
                "weight": np.float32,
            }
            return tfds.core.DatasetInfo(builder=self, features=of.FeaturesDict(columns))

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            return {name: self._generate_examples(count) for name, count in EXAMPLES.items()}

        def _generate_examples(self, count: int) -> Iterator[tuple[int, Any]]:
            for index in range(count):
                png = io.BytesIO()
                Image.fromarray(image(index)).save(png, "png")
                png.seek(0)  # encoded here: TFDS encodes arrays with TensorFlow
                yield (
                    index,
                    {
                        "text": texts(index),
                        "image": png,
                        "row": row(index),
                        "digits": [int(digit) for digit in str(index)],
                        "label": index % 10,
                        "weight": 0.5,
                    },
                )

    return TinyNumbers


def prepare(data_dir: Path) -> None:
    """Prepare the data set `tiny_numbers` in a folder, as ArrayRecord."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):  # where TFDS says what it does
        _builder()(data_dir=data_dir, file_format="array_record").download_and_prepare()
