"""A read source as one stream of symbols, encoded in other tokens and cut into sequences anew."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int64, Integer

from epiplexity_jax.base.digest import bytes_digest
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources.documents import Documents
from epiplexity_jax.sources.files.characters import Spool
from epiplexity_jax.sources.maps.inner import mapped_info
from epiplexity_jax.sources.maps.pair_encoding import PairEncoding, learn_pairs
from epiplexity_jax.sources.spec import DeviceSource, FiniteSource, HostSource, Source, SourceInfo
from epiplexity_jax.sources.token_array import check_enough, cut

_CHUNK = 1 << 20  # symbols that are encoded at a time; no token of bpe reaches over their border
_WHERE = "source"

Rows = Int64[np.ndarray, " n"]
Part = tuple[Integer[np.ndarray, " m"], Bool[np.ndarray, " m"]]
"""Symbols of a stream, and True where they do not continue those before."""


class Stream(NamedTuple):
    """Sequences of a source in the order in which they continue each other.

    Attributes:
        order: [n] index of each.
        starts: [n] True where a sequence does not continue the one before.
    """

    order: Rows
    starts: Bool[np.ndarray, " n"]


class Encoded(NamedTuple):
    """A stream in other tokens, cut into sequences.

    Attributes:
        rows: [n, L] tokens.
        sizes: [n] symbols of each sequence.
        spans: [n, 2] places in the stream of the first and last source sequence that each is of.
    """

    rows: Integer[np.ndarray, "n length"]
    sizes: Int64[np.ndarray, " n"]
    spans: Int64[np.ndarray, "n 2"]


@runtime_checkable
class Coding(Protocol):
    """An encoding of a stream of symbols in other tokens."""

    @property
    def vocab_size(self) -> int:
        """Number of tokens."""
        ...

    def lengths(self) -> Int64[np.ndarray, " vocabulary"]:
        """Count the symbols of every token."""
        ...

    def encode_parts(self, parts: Iterable[Part]) -> Iterator[Integer[np.ndarray, " m"]]:
        """Encode a stream that comes in parts."""
        ...


def finite_text(inner: Source, kind: str) -> HostSource:
    """Check that a source is finite and that all its tokens are symbols of one stream.

    Args:
        inner: the source.
        kind: name of the encoding, for messages.

    Raises:
        ConfigError: when it is drawn, or has inputs that are not paid for.
    """
    if isinstance(inner, DeviceSource):
        raise ConfigError(
            f"source: is drawn without end, and {kind} gives sequences that differ in length; wrap "
            "it in subsample, which makes it finite"
        )
    if not inner.info.label_mask.all():
        raise ConfigError(
            f"source: has inputs that are not paid for, and {kind} joins all tokens of a sequence; "
            "use a source of which every token is paid for, or chunk"
        )
    return inner


def open_pairs(
    inner: HostSource, vocab_size: int, train_tokens: int, length: int | None
) -> FiniteSource:
    """Learn merges from the beginning of a source, encode all of it and cut it anew.

    Args:
        inner: the source.
        vocab_size: V.
        train_tokens: symbols that the merges are learnt from.
        length: L; default: that of the source.

    Raises:
        ConfigError: when the source has as many symbols as V, or too few pairs recur.
        DataError: when too few tokens are left for a sequence.
    """
    info = inner.info
    if vocab_size <= info.vocab_size:
        raise ConfigError(
            f"vocab_size: expected more than the source's {info.vocab_size} symbols, got "
            f"{vocab_size}"
        )
    streams, length = _streams(inner), length or info.length
    coding = _learnt(inner, streams[0], vocab_size, train_tokens)
    parts = [_encoded(inner, stream, coding, length, "bpe") for stream in streams]
    facts = _facts(inner, streams, parts, vocab_size, "of the source's")
    mapped = mapped_info(info, "retokenise", "bpe", vocab_size, train_tokens, length, **facts)
    return _source(mapped, parts)


def open_tokenised(inner: HostSource, coding: Coding, length: int) -> FiniteSource:
    """Encode all of a source of bytes by a vocabulary, and cut it anew.

    Args:
        inner: the source.
        coding: the encoding of bytes.
        length: L.

    Raises:
        DataError: when too few tokens are left for a sequence.
    """
    streams = _streams(inner)
    parts = [_encoded(inner, stream, coding, length, "tokeniser") for stream in streams]
    facts = _facts(inner, streams, parts, coding.vocab_size, "bytes")
    # Words depend on the classes of letters that Python knows, so the tokens are what is hashed.
    tokens = bytes_digest(part.rows.data for part in parts)
    mapped = mapped_info(inner.info, "retokenise", "tokeniser", tokens, length, **facts)
    return _source(mapped, parts)


def _streams(inner: HostSource) -> list[Stream]:
    """Order what is trained on, and what the user holds out."""
    info, first = inner.info, inner.info.documents.heldout_from
    ends = [inner.sequences] if first is None else [first, inner.sequences]
    return [_stream(info, start, end) for start, end in zip([0, *ends], ends, strict=False)]


def _facts(
    inner: HostSource, streams: list[Stream], parts: list[Encoded], vocab_size: int, unit: str
) -> dict[str, Any]:
    """Facts that the new sequences do not share with the source."""
    info, length = inner.info, parts[0].rows.shape[1]
    counts = [len(part.rows) for part in parts]
    symbols = sum(int(part.sizes.sum()) for part in parts) / (sum(counts) * length)
    note = f"retokenise: a token is {symbols:.4g} {unit} on average"
    return {
        "vocab_size": vocab_size,
        "input_vocab_size": None,
        "length": length,
        "label_mask": np.ones(length, bool),
        "entropy_rate_nats": None,
        "bytes_per_token": info.bytes_per_token and info.bytes_per_token * symbols,
        "documents": _documents(info, streams, parts),
        "components": 1,
        "notes": (*info.notes, note),
    }


def _source(info: SourceInfo, parts: list[Encoded]) -> FiniteSource:
    dtype = np.min_scalar_type(info.vocab_size - 1)
    rows = parts[0].rows if len(parts) == 1 else np.concatenate([part.rows for part in parts])
    return FiniteSource(info, len(rows), lambda indices: rows[indices].astype(dtype))


def _stream(info: SourceInfo, start: int, end: int) -> Stream:
    """Order the sequences start to end - 1."""
    numbers = np.arange(start, end, dtype=np.int64)
    places = info.documents.places
    if places is None:
        return Stream(numbers, np.ones(len(numbers), bool))
    at = np.asarray(places)[start:end]
    order = np.argsort(at, kind="stable")
    return Stream(numbers[order], np.append(True, np.diff(at[order]) != 1))


def _chunks(inner: HostSource, stream: Stream) -> Iterator[Part]:
    """Read a stream in parts: symbols, and where they do not continue those before."""
    length = inner.info.length
    step = max(1, _CHUNK // length)
    for first in range(0, len(stream.order), step):
        rows = stream.order[first : first + step]
        starts = np.zeros((len(rows), length), bool)
        starts[:, 0] = stream.starts[first : first + step]
        yield np.asarray(inner.read(rows)).reshape(-1), starts.reshape(-1)


def _learnt(inner: HostSource, stream: Stream, vocab_size: int, train_tokens: int) -> PairEncoding:
    rows = -(-train_tokens // inner.info.length)
    parts = list(_chunks(inner, Stream(stream.order[:rows], stream.starts[:rows])))
    symbols, starts = (np.concatenate(each)[:train_tokens] for each in zip(*parts, strict=True))
    coding = learn_pairs(symbols, starts, inner.info.vocab_size, vocab_size)
    if coding.vocab_size < vocab_size:
        raise ConfigError(
            f"vocab_size: expected at most {coding.vocab_size}, as no other pair occurs twice in "
            f"the {len(symbols):,} tokens that are learnt from, got {vocab_size}; lower it or "
            "raise train_tokens"
        )
    return coding


def _encoded(inner: HostSource, stream: Stream, coding: Coding, length: int, kind: str) -> Encoded:
    """Encode a stream part by part, and count the symbols of each sequence."""
    spool = Spool(np.min_scalar_type(coding.vocab_size - 1))
    for tokens in coding.encode_parts(_chunks(inner, stream)):
        spool.add(tokens)
    check_enough(spool.count, length, _WHERE, f" of {kind}")
    rows, lengths = cut(spool.tokens(), length), coding.lengths()
    step = max(1, _CHUNK // length)
    sizes = np.concatenate(
        [lengths[rows[k : k + step]].sum(axis=1) for k in range(0, len(rows), step)]
    )
    ends = np.cumsum(sizes)
    spans = np.stack([ends - sizes, ends - 1], axis=1) // inner.info.length
    return Encoded(rows, sizes, spans)


def _documents(info: SourceInfo, streams: list[Stream], parts: list[Encoded]) -> Documents:
    """Find which documents of the source the new sequences are parts of."""
    own = info.documents
    counts = [len(part.rows) for part in parts]
    # A held-out file does not continue the training data.
    places = np.concatenate([np.arange(n) + sum(counts[:k]) + k for k, n in enumerate(counts)])
    first = None if own.heldout_from is None else counts[0]
    if own.kind in ("text", "mixed"):
        return Documents(own.kind, None, places, first)
    spans = []
    for stream, part in zip(streams, parts, strict=True):
        ends = stream.order[part.spans]
        if own.spans is not None:
            ends = np.stack([own.spans[ends[:, 0], 0], own.spans[ends[:, 1], 1]], axis=1)
        spans.append(ends)
    return Documents("files", np.concatenate(spans).astype(np.int64), places, first)
