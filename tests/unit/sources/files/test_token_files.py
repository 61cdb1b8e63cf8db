"""Files of tokens as others write them: headers, indices, types that are guessed and refused."""

import gzip

import numpy as np
import pytest

from epiplexity_jax.sources import Tokens, from_array, open_source
from epiplexity_jax.sources.files import characters
from tests.unit.sources.files.opened import complaint, read_all

RNG = np.random.Generator(np.random.Philox(7))
TOKENS = RNG.integers(0, 50_257, 6000)
HEADERS = {20240520: ("<u2", 1), 20240801: ("<u4", 7)}


def header(magic, version, count):
    start = np.zeros(256, "<i4")
    start[:3] = magic, version, count
    return start.tobytes()


@pytest.fixture
def written(tmp_path):
    def write(content, name="train.bin", **config):
        path = tmp_path / name
        path.write_bytes(content)
        return Tokens(path=str(path), **{"length": 32, **config})

    return write


@pytest.mark.parametrize("magic", HEADERS)
@pytest.mark.parametrize("vocab_size", [None, 50_257])
def test_a_header_of_llm_c_is_no_token(written, magic, vocab_size):
    dtype, version = HEADERS[magic]
    content = header(magic, version, len(TOKENS)) + TOKENS.astype(dtype).tobytes()
    config = written(content, vocab_size=vocab_size)
    assert np.array_equal(read_all(config), TOKENS[:5984])
    info = open_source(config).info
    assert info.vocab_size == (vocab_size or TOKENS.max() + 1)
    assert info.notes == ()
    alone = from_array(TOKENS, length=32, vocab_size=vocab_size)
    assert info.fingerprint == alone.info.fingerprint
    same = written(content, dtype=np.dtype(dtype).name, vocab_size=vocab_size)
    assert open_source(same).info.fingerprint == info.fingerprint


def test_a_header_is_checked_and_an_option_overrules_it(written):
    content = header(20240520, 1, 6001) + TOKENS.astype("<u2").tobytes()
    assert complaint(written(content)).startswith(
        "its header (magic 20240520) says 6001 tokens of uint16, but it holds 6000; bring the"
    )
    skipped = written(content, skip_bytes=1024, dtype="uint16")
    assert np.array_equal(read_all(skipped), TOKENS[:5984])
    whole = written(content, skip_bytes=0, dtype="uint16")
    assert read_all(whole)[:2].tolist() == [20240520 & 0xFFFF, 20240520 >> 16]
    wrong = written(header(20240520, 1, 6000) + TOKENS.astype("<u2").tobytes(), dtype="uint32")
    assert complaint(wrong).startswith("dtype: its header or index says uint16; leave dtype out")
    assert complaint(written(header(20240522, 1, 9) + b"\0" * 90)).startswith("is an evaluation")


def test_an_unknown_header_is_no_reason_for_a_larger_alphabet(written):
    tokens = np.r_[[60_000, 1], TOKENS % 100].astype("<u2").tobytes()
    told = complaint(written(tokens, vocab_size=100))
    assert told == (
        "token 60000 at position 0 is not in 0 to 99; raise vocab_size, or say dtype or "
        "skip_bytes where its layout is another"
    )
    assert np.array_equal(read_all(written(tokens, skip_bytes=4)), (TOKENS % 100)[:5984])


def test_a_megatron_index_names_type_and_documents(written, tmp_path):
    lengths, borders = np.array([100, 28, 200, 5672]), np.array([0, 2, 3, 4])
    with (tmp_path / "corpus.idx").open("wb") as file:
        file.write(b"MMIDIDX\x00\x00")
        for values, dtype in (([1], "<u8"), ([4], "u1"), ([4], "<u8"), ([4], "<u8")):
            np.array(values, dtype).tofile(file)
        lengths.astype("<i4").tofile(file)
        (4 * (np.cumsum(lengths) - lengths)).astype("<i8").tofile(file)
        borders.astype("<i8").tofile(file)
    config = written(TOKENS.astype("<i4").tobytes(), "corpus.bin")
    assert np.array_equal(read_all(config), TOKENS[:5984])
    documents = open_source(config).info.documents
    assert documents.kind == "files"
    assert documents.spans[:12].tolist() == [[0, 0]] * 4 + [[1, 1]] * 6 + [[1, 2]] + [[2, 2]]
    index = config.model_copy(update={"path": str(tmp_path / "corpus.idx")})
    assert complaint(index).startswith("is the index of a Megatron data set; give the .bin file")


@pytest.mark.parametrize(
    ("dtype", "low", "high", "fits"),
    [
        ("<u4", 0, 128_000, "uint32"),
        ("<u4", 0, 200, "uint32"),
        ("<u4", 0, 2, "uint32"),
        ("<i4", -100, 50_000, "int32"),
        ("<i8", 0, 128_000, "int64"),
        ("<u8", 0, 60, "int64"),
    ],
)
def test_wider_integers_are_not_taken_for_uint16(written, dtype, low, high, fits):
    values = RNG.integers(low, high, 4000).astype(dtype)
    config = written(values.tobytes())
    assert complaint(config).endswith(f"say dtype: {fits}, or dtype: uint16 if that is right")
    said = config.model_copy(update={"dtype": "uint16"})
    assert np.array_equal(read_all(said), np.frombuffer(values.tobytes(), "<u2"))
    if low == 0:
        wide = config.model_copy(update={"dtype": np.dtype(dtype).name})
        assert np.array_equal(read_all(wide), values)


def test_bytes_in_the_wrong_order_are_refused(written):
    values = RNG.integers(0, 200, 4000).astype(">u2")
    assert complaint(written(values.tobytes())).startswith("byte_order: all of its 16-bit integers")
    assert np.array_equal(read_all(written(values.tobytes(), byte_order="big")), values)


@pytest.mark.parametrize("values", [RNG.integers(0, n, 4000) for n in (2, 3, 65, 300, 65_536)])
def test_a_guessed_type_is_said_and_right_ones_pass(written, values):
    config = written(values.astype("<u2").tobytes())
    assert np.array_equal(read_all(config), values)
    info = open_source(config).info
    assert info.notes == (f"{config.path} names no dtype: its tokens were read as uint16",)
    assert open_source(config.model_copy(update={"dtype": "uint16"})).info.notes == ()


def test_plain_integers_under_any_name(written):
    content = TOKENS.astype("<u2").tobytes()
    named = written(content, "part.npy", dtype="uint16")
    assert np.array_equal(read_all(named), TOKENS[:5984])
    told = complaint(written(content, "part.npy"))
    assert told.startswith("is no .npy file; save the array with numpy.save, or name the dtype")


@pytest.mark.parametrize("memory", [1 << 30, 1000])
def test_compressed_tokens_are_tokens_and_said(monkeypatch, written, tmp_path, memory):
    monkeypatch.setattr(characters, "MEMORY", memory)
    content = TOKENS.astype("<u2").tobytes()
    plain = open_source(written(content)).info.fingerprint
    config = written(gzip.compress(content), "train.bin.gz", dtype="uint16")
    info = open_source(config).info
    assert info.fingerprint == plain
    assert info.notes == (f"{config.path} was decompressed (gz)",)
    np.save(tmp_path / "a.npy", TOKENS)
    packed = written(gzip.compress((tmp_path / "a.npy").read_bytes()), "a.npy.gz")
    assert np.array_equal(read_all(packed), TOKENS[:5984])
    raw = written(gzip.compress(content), "b.gz", compression="none", dtype="uint8")
    assert bytes(read_all(raw)[:3]) == b"\x1f\x8b\x08"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PAR1" + b"\0" * 96, "is a Parquet file; use kind: documents"),
        (b"PK\x03\x04" + b"\0" * 96, "is a zip archive; unpack it"),
        (b"\x80\x04\x95" + b"\0" * 97, "is a pickle, which is never opened"),
        (b"Call me Ishmael. Some years ago " * 9, "is text; use kind: text"),
        (b"version https://git-lfs.github.com/spec/v1\n" * 2, "is a Git LFS pointer"),
        (gzip.compress(b"abc" * 9999, mtime=0)[:40], "is no whole gz file"),
    ],
)
def test_files_of_other_kinds_are_named(written, content, sentence):
    assert complaint(written(content)).startswith(sentence)


def test_parts_are_documents_of_one_alphabet(written, tmp_path):
    parts = [TOKENS[:3000] % 100, TOKENS[3000:]]
    for k, part in enumerate(parts):
        written(part.astype("<u2").tobytes(), f"part_{k}.bin")
    config = written(b"\1\0" * 99, "other.bin")
    config = config.model_copy(update={"path": str(tmp_path / "part_*.bin")})
    source = open_source(config)
    assert source.info.vocab_size == TOKENS[3000:].max() + 1
    whole = np.concatenate([part[:2976] for part in parts])  # the rest of each is left out
    assert np.array_equal(read_all(config), whole)
    assert source.info.documents.spans[:, 0].tolist() == [0] * 93 + [1] * 93
    assert len(source.info.notes) == 1
    folder = config.model_copy(update={"path": str(tmp_path)})
    assert open_source(folder).info.documents.spans.max() == 2


def test_a_held_out_file_is_read_with_the_alphabet_of_both(written, tmp_path):
    val = written((TOKENS[:1000] % 30_000).astype("<u2").tobytes(), "val.bin")
    config = written(TOKENS.astype("<u2").tobytes(), heldout=val.path)
    source = open_source(config)
    assert source.info.documents.heldout_from == 187
    assert source.info.vocab_size == TOKENS.max() + 1
    expected = np.r_[TOKENS[:5984], TOKENS[:992] % 30_000]
    assert np.array_equal(read_all(config), expected)
    small = open_source(config.model_copy(update={"path": val.path, "heldout": config.path}))
    assert small.info.vocab_size == source.info.vocab_size
    again = config.model_copy(update={"heldout": config.path})
    assert complaint(again) == "heldout: is the data that is trained on; give another file"


def zipf_tokens(count=20_000, symbols=50_257):
    """Tokens as a tokeniser gives them: small ids are frequent."""
    shares = 1 / np.arange(1, symbols + 1)
    return np.random.Generator(np.random.Philox(3)).choice(symbols, count, p=shares / shares.sum())


def test_integers_in_the_other_byte_order_are_refused(written):
    tokens = zipf_tokens()
    swapped = written(tokens.astype(">u2").tobytes())
    assert complaint(swapped).startswith("byte_order: the high bytes of its 16-bit integers vary")
    named = written(tokens.astype(">u2").tobytes(), byte_order="big")
    assert np.array_equal(read_all(named), tokens)
    for right in (tokens, tokens % 200, TOKENS, tokens % 4000 + 30_000):
        assert np.array_equal(read_all(written(right.astype("<u2").tobytes()))[:99], right[:99])


@pytest.mark.parametrize("kind", ["<f4", "<f8"])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 300.0])
def test_real_numbers_are_no_tokens(written, kind, scale):
    real = (scale * np.random.Generator(np.random.Philox(5)).normal(size=20_000)).astype(kind)
    said = complaint(written(real.tobytes()))
    assert said.startswith(f"dtype: its bytes are those of float{8 * int(kind[-1])} numbers")
    assert open_source(written(real.tobytes(), dtype="uint16")).info.length == 32


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ((60).to_bytes(8, "little") + b'{"w":{"dtype":"F32"}}', "is a safetensors file"),
        (b"\x89PNG\r\n\x1a\n", "is a picture; use kind: images"),
        (b"%PDF-1.7\n", "is a PDF document"),
    ],
)
def test_weights_pictures_and_documents_are_no_tokens(written, start, said):
    assert complaint(written(start + RNG.bytes(8000))).startswith(said)


def test_labels_in_the_place_of_tokens_are_refused(written, tmp_path):
    path = tmp_path / "labels.npy"
    np.save(path, np.where(TOKENS % 9, TOKENS, -100))
    assert "-100 marks labels that are not paid for" in complaint(Tokens(path=str(path)))


def test_options_of_rows_without_an_effect_are_said_or_refused(written, tmp_path):
    whole = written(TOKENS.astype("<u2").tobytes(), rows="keep")
    assert complaint(whole) == "rows: it holds a single row of tokens; leave rows out"
    path = tmp_path / "matrix.npy"
    np.save(path, TOKENS.reshape(-1, 40) % 64)
    notes = open_source(Tokens(path=str(path), pad=999)).info.notes
    assert notes == (f"{path}: token 999 stands at no end of a row, so pad left nothing out",)
