"""Images as tokens: orders worked by hand, the way back, levels, what is refused."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Images, from_array, from_images, open_source
from epiplexity_jax.sources.files import images as files_images
from epiplexity_jax.sources.files.images import Raster

GREY = np.arange(16).reshape(1, 4, 4)  # rows 0-3, 4-7, 8-11, 12-15
COLOUR = np.arange(8)[:, None] + [10, 20, 30]  # of eight pixels: 10 20 30, 11 21 31, ...


def tokens(images, **options):
    (row,) = from_images(images, **options).read(np.array([0])).tolist()
    return row


@pytest.mark.parametrize(
    ("patch", "order"),
    [
        (1, list(range(16))),
        (2, [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]),
        (4, list(range(16))),
    ],
)
def test_patches_and_their_pixels_come_in_raster_order(patch, order):
    assert tokens(GREY, patch=patch) == order


def test_colours_come_pixel_by_pixel_or_one_after_another():
    image = COLOUR.reshape(1, 2, 4, 3)  # pixels 0-3 above 4-7; patches 0 1 4 5 and 2 3 6 7
    assert tokens(image)[:6] == [10, 20, 30, 11, 21, 31]
    assert tokens(image, channels="planar") == [*range(10, 18), *range(20, 28), *range(30, 38)]
    assert tokens(image, patch=2)[9:15] == [15, 25, 35, 12, 22, 32]
    assert tokens(image, patch=2, channels="planar")[:8] == [10, 11, 14, 15, 12, 13, 16, 17]


def test_levels_are_equal_shares_of_the_values():
    pixels = np.array([[[0, 15, 16, 254], [255, 127, 128, 31]]])
    assert tokens(pixels, levels=16) == [0, 0, 1, 15, 15, 7, 8, 1]
    assert tokens(pixels % 17, values=17, levels=2) == [0, 1, 1, 1, 0, 0, 1, 1]  # 9 and more
    assert tokens(pixels > 100, values=2) == [0, 0, 0, 1, 1, 1, 1, 0]


def test_downsampling_takes_means_to_the_nearest():
    pixels = [[0, 1, 255, 255], [0, 1, 255, 254], [8, 8, 1, 0], [8, 8, 0, 0]]
    assert tokens(np.array([pixels]), downsample=2) == [1, 255, 8, 0]  # of 0.5, 254.75, 8, 0.25
    assert tokens(np.array([pixels]), downsample=2, levels=2) == [0, 1, 0, 0]


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("patch", [1, 2, 6])
@pytest.mark.parametrize(("values", "levels"), [(256, 256), (256, 16), (256, 7), (17, 17), (17, 4)])
def test_the_way_back(planar, channels, patch, values, levels):
    """Exact where nothing is lost; else each pixel at the middle of its level, and stable."""
    raster = Raster((12, 6, channels), values, levels, patch, planar)
    images = np.random.default_rng(0).integers(0, values, (5, *raster.shape))
    made = raster.tokens(images)
    assert made.shape == (5, raster.length)
    assert made.max() < levels
    back = raster.images(made)
    assert np.array_equal(raster.tokens(back), made)
    assert np.abs(back - images).max() <= -(-values // levels) // 2
    assert raster.lossless == np.array_equal(back, images) == (levels == values)


def test_the_way_back_of_a_downsampled_image_is_the_small_one():
    raster = Raster((4, 4, 1), patch=2, downsample=2)
    images = np.repeat(np.repeat(np.array([[[3, 200], [7, 90]]]), 2, axis=1), 2, axis=2)[..., None]
    assert raster.images(raster.tokens(images))[0, :, :, 0].tolist() == [[3, 200], [7, 90]]


def test_files_and_arrays_are_the_same_images(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (20, 4, 4), np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    np.savez(tmp_path / "one.npz", anything=pixels)
    np.savez(tmp_path / "two.npz", images=pixels, labels=np.arange(20))
    np.save(tmp_path / "flat.npy", pixels.reshape(20, 16))
    configs = [
        Images(path=str(tmp_path / "a.npy")),
        Images(path=str(tmp_path / "one.npz")),
        Images(path=str(tmp_path / "two.npz")),
        Images(path=str(tmp_path / "two.npz"), array="images"),
        Images(path=str(tmp_path / "flat.npy"), shape=(4, 4)),
        Images(path=str(tmp_path / "flat.npy"), shape=(4, 4, 1)),
    ]
    expected = from_images(pixels.astype(np.int64))
    for config in configs:
        source = open_source(config)
        assert source.info.fingerprint == expected.info.fingerprint
        assert np.array_equal(source.read(np.arange(20)), pixels.reshape(20, 16))
    assert set(expected.info.origins) & set(from_array(pixels.reshape(20, 16)).info.origins)


def test_grey_is_the_mean_of_the_colours_to_the_nearest():
    image = np.array([[[[0, 0, 1], [0, 1, 1]], [[255, 255, 254], [10, 20, 60]]]])
    assert tokens(image, channels="grey") == [0, 1, 255, 30]  # of 1 / 3, 2 / 3, 254.67, 30
    assert tokens(image, channels="grey", levels=16) == [0, 0, 15, 1]
    assert tokens(image, channels="grey", downsample=2) == [71]  # of 857 / 12, not of rounded ones
    four = np.arange(16).reshape(1, 4, 4, 1) + np.zeros(3, int)
    assert tokens(four, channels="grey", patch=2) == tokens(GREY, patch=2)
    raster = Raster((4, 4, 3), patch=2, grey=True)
    assert np.array_equal(raster.images(raster.tokens(four)), four[..., :1])
    assert not raster.lossless


def test_no_rows_of_grey_images_are_an_empty_matrix():
    source = from_images(np.zeros((3, 2, 2, 3), np.uint8), channels="grey")
    assert source.read(np.zeros(0, np.int64)).shape == (0, 4)


@pytest.mark.parametrize("memory", [1, 1 << 22])
def test_parts_of_cifar_5m_as_grey_windows(tmp_path, monkeypatch, memory):
    """Parts hold X, [n, 32, 32, 3] bytes, and Y; a window is half of an image of 1024 pixels."""
    monkeypatch.setattr(files_images, "_CHECKED", memory)
    pixels = np.random.default_rng(2).integers(0, 256, (5, 32, 32, 3), np.uint8)
    for k, part in enumerate((pixels[:3], pixels[3:])):
        np.savez(tmp_path / f"part{k}.npz", X=part, Y=np.arange(len(part)))
    options = {"array": "X", "channels": "grey", "length": 512}
    source = open_source(Images(path=str(tmp_path / "part*.npz"), **options))
    assert (source.info.vocab_size, source.info.length, source.sequences) == (256, 512, 10)
    assert source.info.bytes_per_token is None
    grey = np.rint(pixels.mean(axis=3, dtype=np.float64)).reshape(10, 512)  # no mean ends in .5
    rows = np.array([9, 0, 1, 6, 0])
    assert np.array_equal(source.read(rows), grey[rows])
    documents = source.info.documents
    assert documents.spans.tolist() == [[k // 2, k // 2] for k in range(10)]
    follows = np.diff(documents.places) == 1  # a window continues another of its image alone
    assert follows.tolist() == [True, False] * 4 + [True]
    folder = open_source(Images(path=str(tmp_path), **options))
    assert folder.info.fingerprint == source.info.fingerprint
    whole = open_source(Images(path=str(tmp_path), array="X", channels="grey"))
    assert (whole.sequences, whole.info.documents.kind) == (5, "rows")
    assert len({each.info.fingerprint for each in (source, whole)}) == 2


def test_windows_of_one_image_and_of_arrays():
    source = from_images(GREY, length=8)
    assert source.read(np.array([1])).tolist() == [list(range(8, 16))]
    assert source.info.documents.kind == "text"
    two = from_images(np.concatenate([GREY, GREY + 16]), length=8, patch=2)
    assert two.read(np.array([2])).tolist() == [[16, 17, 20, 21, 18, 19, 22, 23]]
    assert two.info.bytes_per_token == 1
    whole = from_images(GREY, length=16).info
    assert whole.fingerprint == from_images(GREY).info.fingerprint


def test_bytes_are_counted_where_nothing_is_lost():
    pixels = np.random.default_rng(1).integers(0, 256, (20, 4, 4), np.uint8)
    assert from_images(pixels, patch=2).info.bytes_per_token == 1
    assert from_images(pixels, levels=16).info.bytes_per_token is None
    assert from_images(pixels, downsample=2).info.bytes_per_token is None


@pytest.mark.parametrize(
    ("pixels", "options", "said"),
    [
        (np.zeros((2, 4, 4)), {}, "float64"),
        (np.zeros((2, 3, 4, 4), int), {}, "colours last"),
        (np.zeros((0, 4, 4), int), {}, "shape"),
        (np.zeros((2, 16), int), {}, "rows of 16 numbers; say their shape"),
        (np.zeros((2, 4, 6), int), {"patch": 4}, "patch: images of 4 x 6 pixels"),
        (np.zeros((2, 4, 6), int), {"downsample": 3}, "downsample: images of 4 x 6 pixels"),
        (np.zeros((2, 4, 4), int), {"patch": 2, "downsample": 4}, "patch: "),
        (np.zeros((2, 4, 4), int), {"channels": "planar"}, "channels: grey images have one"),
        (np.zeros((2, 4, 4), int), {"channels": "grey"}, "channels: grey images have one"),
        (np.zeros((2, 4, 4), int), {"length": 5}, "length: expected a divisor of an image's 16 to"),
        (np.zeros((2, 4, 4), int), {"levels": 300}, "levels: a pixel has 256 values"),
        (GREY, {"values": 15}, "pixel 15 in image 0 is not in 0 to 14"),
        (GREY - 1, {}, "pixel -1 in image 0"),
    ],
)
def test_what_is_refused(pixels, options, said):
    with pytest.raises(DataError) as caught:
        from_images(pixels, **options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_option_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="patch"):
        from_images(GREY, patch=0)
    with pytest.raises(DataError, match="only arrays of a .npz file have names"):
        open_source(Images(path="a.npy", array="images"))


def test_an_array_under_the_name_of_an_archive_is_refused(tmp_path):
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, GREY)
    with pytest.raises(DataError, match=r"a.npz: holds one array; name the file .npy"):
        open_source(Images(path=str(tmp_path / "a.npz")))
