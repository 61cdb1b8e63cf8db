"""Any source of tokens in another alphabet that holds the same."""

from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, UInt8
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources.files.characters import BYTES, letters_of
from epiplexity_jax.sources.maps.base64 import open_base64
from epiplexity_jax.sources.maps.inner import (
    Nested,
    map_alike,
    mapped_info,
    open_inner,
    refuse_all_but_tokens,
)
from epiplexity_jax.sources.maps.rejoined import finite_text, open_pairs, open_tokenised
from epiplexity_jax.sources.maps.vocabulary_files import read_vocabulary
from epiplexity_jax.sources.spec import Batch, Source, SourceInfo
from epiplexity_jax.sources.token_array import MAX_VOCAB

_OPTIONS = {
    "group": ("chunk",),
    "alphabet": ("bytes", "base64", "tokeniser"),
    "vocab_size": ("bpe",),
    "train_tokens": ("bpe",),
    "vocabulary": ("tokeniser",),
    "length": ("bpe", "tokeniser"),
}
_TRAIN_TOKENS = 1_000_000


class Retokenise(Config):
    """Any source of tokens in another alphabet: the same data, cut into other tokens.

    `chunk` makes one token of several, `bytes` several of one. Every sequence holds the same as
    before, so its bits and its bytes of original data stay, and bits per token become another
    number: compare bits per byte. A source and its map draw or read the same sequences. So it is
    with `base64`, which makes four symbols of 6 bits of three bytes, as e-mail does.

    `bpe` is byte-pair encoding of the source's own symbols. Its tokens differ in length, so a
    finite source, such as a `subsample` of a drawn one, is joined to one stream in the order of its
    windows, encoded, and cut into sequences anew; no token reaches over the border of two rows that
    do not continue each other. The bytes per token are those of the source times the source's
    tokens that one of the new holds on average over all that is kept, which results say. The merges
    are learnt from the beginning of the source, whose held-out windows may be among it, unless it
    has a held-out file of its own; they are not paid for.

    `tokeniser` encodes text by a vocabulary that exists, in the same way: its words are split as by
    GPT-2, and in each the pairs of `vocabulary` are merged. Special tokens such as <|endoftext|>
    are not put in, and where a text holds their characters these are text. Letters and numbers are
    those of the running Python's Unicode; bytes that are not UTF-8 count as signs. The bytes per
    token are counted over all that is kept. The merges and the data they were learnt from are not
    paid for.
    """

    kind: Literal["retokenise"] = "retokenise"
    source: Nested
    """The source whose tokens are replaced."""
    into: Literal["chunk", "bytes", "base64", "bpe", "tokeniser"]
    """`chunk`: p successive tokens become one of V^p symbols, the first token its highest digit.
    `bytes`: every token becomes the bytes of its number, highest first, as many as the largest one
    needs; or of its character in UTF-8, where `alphabet` is given. `base64`: three bytes become
    four of 64 symbols; where `alphabet` is given, characters become bytes before. `bpe`: the most
    frequent pairs become tokens, until there are `vocab_size`. `tokeniser`: text becomes the tokens
    of `vocabulary`."""
    group: int | None = Field(default=None, ge=2)
    """p of `chunk`; it divides L, and every chunk holds inputs or labels alone."""
    alphabet: str | None = Field(default=None, min_length=2)
    """The source's V characters for `bytes`, `base64` and `tokeniser`, all of as many bytes in
    UTF-8, or `ascii96`; default of the latter two: `bytes`, of which there are 256."""
    vocab_size: int | None = Field(default=None, ge=3, le=4096)
    """V of `bpe`, the source's own symbols among them; every merge takes a pass over the data."""
    train_tokens: int | None = Field(default=None, ge=2)
    """Tokens of the source that the merges of `bpe` are learnt from; default: 1,000,000."""
    vocabulary: str | None = Field(default=None, min_length=1)
    """For `tokeniser`, a folder with GPT-2's `vocab.json` and `merges.txt`, or with the
    `tokenizer.json` of a byte-level BPE that splits words as GPT-2 does; or that file."""
    length: int | None = Field(default=None, ge=1)
    """L of `bpe` and `tokeniser`, tokens of a new sequence; default: that of the source."""

    @model_validator(mode="after")
    def _options_are_used(self) -> "Retokenise":
        for name, into in _OPTIONS.items():
            if self.into not in into and getattr(self, name) is not None:
                raise ValueError(f"{name}: is an option of {' and '.join(into)}; leave it out")
        if self.into == "chunk" and self.group is None:
            raise ValueError("group: is required by chunk; give the number of tokens of a chunk")
        if self.into == "bpe" and self.vocab_size is None:
            raise ValueError("vocab_size: is required by bpe; give the number of its tokens")
        if self.into == "tokeniser" and self.vocabulary is None:
            raise ValueError("vocabulary: is required by tokeniser; give the folder of its files")
        return self


def open_retokenise(config: Retokenise) -> Source:
    """Open a source of other tokens.

    A sequence has the entropy that it had, so the entropy rate is known where that of the source
    is: p times as much for a chunk of p tokens, 1 / w of it for each of w bytes, 3/4 of it for
    base64. Of `bpe` and `tokeniser` it is not known, as sequences are other stretches of the data;
    what is encoded lies in memory, above 1 GiB in a temporary file.

    Raises:
        ConfigError: when inputs are or have vectors, labels vary by sequence, the alphabet or the
            length does not suit the source, or a drawn source is encoded by `bpe` or `tokeniser`.
        DataError: when too few tokens are left for a sequence, or the vocabulary cannot be read.
    """
    inner = open_inner(config.source)
    refuse_all_but_tokens(inner.info, "retokenise")
    if config.into == "chunk":
        assert config.group is not None
        return _open_chunks(inner, config.group)
    if config.into == "bytes":
        return _open_bytes(inner, config.alphabet)
    if config.into == "base64":
        alphabet = None if config.alphabet == BYTES else config.alphabet
        return open_base64(inner if alphabet is None else _open_bytes(inner, alphabet))
    if config.into == "tokeniser":
        return _open_tokeniser(inner, config)
    assert config.vocab_size is not None
    train_tokens = config.train_tokens or _TRAIN_TOKENS
    return open_pairs(finite_text(inner, "bpe"), config.vocab_size, train_tokens, config.length)


def _open_tokeniser(inner: Source, config: Retokenise) -> Source:
    """Write the source as bytes, and encode these."""
    assert config.vocabulary is not None
    alphabet = None if config.alphabet == BYTES else config.alphabet
    if alphabet is None and inner.info.vocab_size != 256:
        raise ConfigError(
            f"source: expected the 256 bytes of a text, got {inner.info.vocab_size} symbols; open "
            "it with alphabet: bytes, or give its characters here as alphabet"
        )
    text = finite_text(inner, "tokeniser")
    try:
        coding = read_vocabulary(config.vocabulary)
    except DataError as error:
        raise DataError(f"vocabulary: {error}") from None
    length = config.length or text.info.length
    if alphabet is not None:
        text = finite_text(_open_bytes(text, alphabet), "tokeniser")
    return open_tokenised(text, coding, length)


def _scaled(info: SourceInfo, tokens: float) -> dict[str, Any]:
    """Facts of a label token that holds so many of the source's."""
    known = {"entropy_rate_nats": info.entropy_rate_nats, "bytes_per_token": info.bytes_per_token}
    return {name: None if value is None else value * tokens for name, value in known.items()}


@dataclass(frozen=True)
class DrawnChunks:
    """Joins successive tokens of inputs and of labels into one, on the device.

    Attributes:
        group: p, tokens of a chunk.
        powers: weight of each token of a chunk of labels.
        input_powers: weight of each of a chunk of inputs.
        mask: [L / p] True for chunks of labels.
    """

    group: int
    powers: tuple[int, ...]
    input_powers: tuple[int, ...]
    mask: tuple[bool, ...]

    def __call__(self, own: Any, batch: Batch) -> Batch:
        """Join [n, L] into [n, L / p]."""
        return self.join(batch, jnp.int32)

    def join(self, batch: Any, dtype: Any) -> Batch:
        """Join tokens of NumPy or JAX, whose type holds V^p."""
        rows = batch.reshape(len(batch), -1, self.group).astype(dtype)
        weights = np.where(np.array(self.mask)[:, None], self.powers, self.input_powers)
        return (rows * weights[None].astype(np.int32)).sum(axis=2).astype(dtype)


def _open_chunks(inner: Source, group: int) -> Source:
    info = inner.info
    if info.length % group:
        raise ConfigError(
            f"group: expected a divisor of the sequence's length, which is {info.length}, "
            f"got {group}"
        )
    inputs = info.input_vocab_size or info.vocab_size
    if max(info.vocab_size, inputs) ** group > MAX_VOCAB:
        raise ConfigError(
            f"group: {group} tokens of {max(info.vocab_size, inputs)} symbols make more than "
            f"{MAX_VOCAB} symbols; lower group"
        )
    masks = info.label_mask.reshape(-1, group)
    if (masks.any(axis=1) != masks.all(axis=1)).any():
        first = int(np.argmax(masks.any(axis=1) != masks.all(axis=1)))
        raise ConfigError(
            f"group: expected chunks of inputs or of labels, got both in places {first * group} to "
            f"{(first + 1) * group - 1}; choose another number of tokens"
        )
    mask = np.asarray(masks.all(axis=1))
    places = range(group - 1, -1, -1)
    powers, others = (tuple(v**k for k in places) for v in (info.vocab_size, inputs))
    changes = {
        "vocab_size": info.vocab_size**group,
        "input_vocab_size": info.input_vocab_size and inputs**group,
        "length": info.length // group,
        "label_mask": mask,
        **_scaled(info, group),
    }
    drawn = DrawnChunks(group, powers, others, tuple(mask.tolist()))
    mapped = mapped_info(info, "retokenise", "chunk", group, **changes)
    dtype = np.min_scalar_type(max(info.vocab_size, inputs) ** group - 1)
    return map_alike(
        inner,
        mapped,
        drawn,
        lambda batch: drawn.join(np.asarray(batch), np.int64).astype(dtype),
    )


@dataclass(frozen=True)
class DrawnBytes:
    """Writes every token as w bytes, highest first, on the device."""

    width: int

    def __call__(self, own: Any, batch: Batch) -> Batch:
        """Write [n, L] as [n, L w], by the table `own`, [V, w], where it is given."""
        if len(own):
            return own[0][batch].reshape(len(batch), -1).astype(jnp.int32)
        return self.digits(batch)

    def digits(self, batch: Any) -> Batch:
        """Write the numbers of tokens of NumPy or JAX."""
        shifts = np.arange(8 * (self.width - 1), -1, -8, dtype=np.int32)[None, None]
        return ((batch[:, :, None] >> shifts) & 255).reshape(len(batch), -1)


def _open_bytes(inner: Source, alphabet: str | None) -> Source:
    info = inner.info
    if info.input_vocab_size not in (None, info.vocab_size):
        raise ConfigError(
            f"source: its inputs have {info.input_vocab_size} symbols and its labels "
            f"{info.vocab_size}, and bytes needs one alphabet; use a source that has one"
        )
    table = None if alphabet is None else _table(letters_of(alphabet), info.vocab_size)
    width = max(1, -(-(info.vocab_size - 1).bit_length() // 8))
    width = width if table is None else table.shape[1]
    mask: Bool[np.ndarray, " L"] = np.repeat(info.label_mask, width)
    changes = {
        "vocab_size": 256,
        "input_vocab_size": None,
        "length": info.length * width,
        "label_mask": mask,
        **_scaled(info, 1 / width),
    }
    mapped = mapped_info(info, "retokenise", "bytes", width, table, **changes)
    drawn = DrawnBytes(width)

    def read(batch: Batch) -> Batch:
        tokens = np.asarray(batch).astype(np.int32)
        rows = drawn.digits(tokens) if table is None else table[tokens].reshape(len(tokens), -1)
        return rows.astype(np.uint8)

    return map_alike(inner, mapped, drawn, read, () if table is None else (table,))


def _table(letters: str, vocab_size: int) -> UInt8[np.ndarray, "symbols w"]:
    """Write each character in UTF-8."""
    if len(letters) != vocab_size:
        raise ConfigError(
            f"alphabet: expected the source's {vocab_size} characters, got {len(letters)}; write "
            "them out, or open the text itself with alphabet: bytes"
        )
    written = [letter.encode("utf-8", "surrogatepass") for letter in letters]
    widths = {len(each) for each in written}
    if len(widths) > 1:
        raise ConfigError(
            f"alphabet: expected characters of as many bytes in UTF-8, got {min(widths)} to "
            f"{max(widths)}; open the text itself with alphabet: bytes"
        )
    if len(set(letters)) < len(letters):
        twice = next(letter for letter in letters if letters.count(letter) > 1)
        raise ConfigError(f"alphabet: {twice!r} is given twice; every symbol needs its own")
    return np.array([list(each) for each in written], np.uint8)
