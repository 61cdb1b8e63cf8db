"""A data set of TFDS without TensorFlow: each sort of feature, fingerprints, what is refused."""

import json
import shutil
import sys

import numpy as np
import pytest

from docs import tiny_tfds
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Tfds, from_images, open_source
from epiplexity_jax.sources.files.characters import ASCII96
from epiplexity_jax.sources.spec import FiniteSource
from epiplexity_jax.sources.token_array import TokenSequences
from tests.unit.sources.prepared import tiny_numbers

TRAIN = tiny_tfds.EXAMPLES["train"]


@pytest.fixture
def copy(tmp_path):
    """A copy of the prepared data set, to be damaged."""
    shutil.copytree(tiny_numbers() / "tiny_numbers", tmp_path / "tiny_numbers")
    return tmp_path


def opened(data_dir=None, **options):
    folder = str(data_dir or tiny_numbers())
    return open_source(Tfds(name="tiny_numbers", data_dir=folder, **options))


def whole(source):
    return source.read(np.arange(source.sequences))


def order(**options):
    """Examples as they are stored: TFDS shuffles them when it prepares."""
    rows = whole(opened(feature="row", vocab_size=47, **options))
    first = {tuple(tiny_tfds.row(i)): i for i in range(47)}
    return [first[tuple(row)] for row in rows.tolist()]


def test_texts_are_joined_and_cut():
    source = opened(feature="text", length=10)
    text = "".join(ASCII96[token] for token in whole(source).reshape(-1))
    lines = text.split("\n")[:-1]
    assert set(lines) <= {tiny_tfds.texts(i) for i in range(TRAIN)}
    assert len(lines) > 0.99 * TRAIN
    assert (source.info.bytes_per_token, source.info.vocab_size) == (1.0, 96)
    joined = opened(feature="text", length=10, separator="")
    assert "".join(ASCII96[token] for token in whole(joined)[0]) == text.replace("\n", "")[:10]
    words = opened(feature="text", length=10, alphabet="number ", unknown="drop", separator="")
    assert "".join("number "[token] for token in whole(words)[0]) == "number num"


def test_integers_are_joined_and_cut():
    labels = whole(opened(feature="label", length=5))
    assert np.bincount(labels.reshape(-1)).tolist() == [TRAIN // 10] * 10
    assert opened(feature="label", length=5).info.vocab_size == 10
    digits = opened(feature="digits", length=2)
    assert (digits.info.vocab_size, digits.sequences) == (10, (10 + 2 * 90 + 3 * 300) // 2)


def test_joined_examples_are_documents():
    """Every sequence of one token is of the example whose text, or digits, the token is in."""
    source = opened(feature="text", length=1)
    text = "".join(ASCII96[token] for token in whole(source)[:, 0])
    examples = source.info.documents.spans[:, 0]
    assert examples.tolist() == [text[:i].count("\n") for i in range(len(text))]
    digits = opened(feature="digits", length=1)
    sizes = np.bincount(digits.info.documents.spans[:, 0])
    assert np.bincount(sizes).tolist() == [0, 10, 90, TRAIN - 100]


def test_arrays_are_sequences():
    rows = whole(opened(feature="row", vocab_size=47))
    expected = [tiny_tfds.row(i).tolist() for i in range(TRAIN)]
    assert sorted(rows.tolist()) == sorted(expected)


def test_images_are_sequences_kept_or_read_when_needed():
    options = {"feature": "image", "patch": 2, "levels": 16, "channels": "planar"}
    kept, read = opened(**options), opened(**options, memory=0)
    workers = opened(**options, memory=0, workers=1)
    assert [type(each) for each in (kept, read, workers)] == [
        TokenSequences,
        FiniteSource,
        FiniteSource,
    ]
    del options["feature"]
    images = from_images(np.stack([tiny_tfds.image(i) for i in range(256)]), **options)
    assert {tuple(row) for row in whole(kept).tolist()} == {
        tuple(r) for r in whole(images).tolist()
    }
    for source in (read, workers):
        assert np.array_equal(whole(source), whole(kept))
        assert source.info.fingerprint == kept.info.fingerprint
    assert kept.info.bytes_per_token is None
    assert opened(feature="image").info.bytes_per_token == 1
    grey = opened(feature="image", channels="grey").info
    assert (grey.length, grey.bytes_per_token) == (24, None)


def test_splits_and_versions(copy):
    every = order()
    assert order(split="train[:10%]") == every[: TRAIN // 10]
    assert order(split="train[390:]+train[:3]") == every[390:] + every[:3]
    assert opened(feature="row", vocab_size=47, split="train+test").sequences == TRAIN + 100
    named = Tfds(name="tiny_numbers:1.0.0", data_dir=str(copy), feature="label")
    slashed = Tfds(name="tiny_numbers/1.0.0", data_dir=str(copy), feature="label")
    expected = opened(feature="label").info
    for config in (named, slashed):
        assert open_source(config).info.fingerprint == expected.fingerprint


def test_the_default_folder_is_that_of_tfds(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tiny_numbers()))
    assert open_source(Tfds(name="tiny_numbers", feature="label")).sequences


def test_another_file_has_another_fingerprint(copy):
    """Even where it is not read when the source is opened; the other split is as it was."""
    row = {"feature": "row", "vocab_size": 47, "memory": 0}
    train, test = (opened(copy, **row, split=split).info for split in ("train[:50]", "test"))
    folder = copy / "tiny_numbers" / "1.0.0"
    (path,), (other,) = (folder.glob(f"*{split}.array_record*") for split in tiny_tfds.EXAMPLES)
    shutil.copy(other, path)
    assert opened(copy, **row, split="train[:50]").info.fingerprint != train.fingerprint
    assert opened(copy, **row, split="test").info.fingerprint == test.fingerprint


def test_splits_share_no_origin_and_parts_of_one_do():
    train, part, test = (
        set(opened(feature="text", length=8, split=split).info.origins)
        for split in ("train[:50%]", "train[40%:]", "test")
    )
    assert train & part
    assert not train & test


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "feature: say which one; it has: digits (integers), image (images), label (integers)"),
        ({"feature": "lable"}, "did you mean 'label'?"),
        ({"feature": "weight"}, "feature: weight is"),
        ({"feature": "row"}, "vocab_size: say how many symbols"),
        ({"feature": "row", "vocab_size": 30}, "is not in 0 to 29"),
        ({"feature": "label", "split": "nope"}, "split: 'nope' is unknown"),
        ({"feature": "label", "split": "train[5"}, "split: 'train[5' is unknown"),
        ({"feature": "label", "split": "train[:0]"}, "is empty"),
        ({"feature": "label", "patch": 2}, "patch: does not apply to integers"),
        ({"feature": "label", "workers": 2}, "workers: does not apply to integers"),
        ({"feature": "text", "vocab_size": 9}, "vocab_size: does not apply to text"),
        ({"feature": "image", "length": 9}, "length: does not apply to images"),
        ({"feature": "image", "patch": 5}, "patch: images of 4 x 6 pixels"),
        ({"feature": "text", "alphabet": "number ", "separator": ""}, "is not in the alphabet"),
        ({"feature": "label", "length": 401}, "less than one sequence"),
    ],
)
def test_what_is_refused(options, said):
    with pytest.raises(DataError) as caught:
        opened(**options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tinny", "no data set 'tinny' in"),
        ("tiny_numbers:2.0.0", "has no version 2.0.0; it has: 1.0.0"),
        ("tiny_numbers/big", "no data set 'tiny_numbers/big'"),
        ("huggingface:mnist", "name: must be name, name/config or name:1.2.3"),
        ("../tiny_numbers", "name: must be name, name/config or name:1.2.3"),
    ],
)
def test_a_name_that_is_none(name, said):
    with pytest.raises(DataError) as caught:
        open_source(Tfds(name=name, data_dir=str(tiny_numbers())))
    assert said in str(caught.value)


def test_what_is_not_prepared_or_not_for_us(copy):
    folder = copy / "tiny_numbers" / "1.0.0"
    description = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps(description | {"fileFormat": "tfrecord"}))
    with pytest.raises(DataError, match="prepared as tfrecord, which only TensorFlow reads"):
        opened(copy, feature="label")
    (folder / "dataset_info.json").write_text("{")
    with pytest.raises(DataError, match="is no prepared data set"):
        opened(copy, feature="label")
    folder.rename(copy / "tiny_numbers" / "some")
    with pytest.raises(DataError, match="is not prepared: tfds build"):
        opened(copy, feature="label")
    (copy / "tiny_numbers" / "some").rename(copy / "moved")
    (copy / "tiny_numbers" / "some").mkdir()
    (copy / "moved").rename(copy / "tiny_numbers" / "some" / "1.0.0")
    with pytest.raises(DataError, match="say which of its configs: tiny_numbers/some"):
        opened(copy, feature="label")


def test_damaged_records_are_one_line(copy):
    (path,) = (copy / "tiny_numbers" / "1.0.0").glob("*test.array_record*")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError) as caught:
        opened(copy, feature="label", split="test")
    assert "\n" not in str(caught.value)


def test_without_tfds_the_extra_is_named(monkeypatch):
    tiny_numbers()
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ConfigError, match=r"tfds: is not installed: pip install .*\[tfds\]"):
        opened(feature="label")


def test_a_separator_outside_the_alphabet_is_refused():
    with pytest.raises(ConfigError, match="separator: '.n' is not in the alphabet"):
        Tfds(name="x", alphabet="ACGT")
