"""A finite source without exact duplicates."""

import hashlib
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Int64, Integer, UInt8

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources.batches import masked
from epiplexity_jax.sources.maps.inner import Nested, mapped_info, open_inner, refuse_reals
from epiplexity_jax.sources.spec import Batch, DeviceSource, FiniteSource, HostSource, Indices

_CHUNK = 1 << 20  # tokens, or numbers of vectors, that are read at a time
_DIGEST = 16  # bytes of a hash: two sequences of one hash are taken for equal


class Dedupe(Config):
    """A finite source whose exact duplicates are dropped: of equal sequences the first one stays.

    Sequences are equal when all their tokens, inputs included, and their label masks are. Where a
    document is a row, duplicates are documents; of a text cut into windows they are windows, and a
    passage that recurs at another offset stays: `heldout.duplicates: drop` finds that. A user's own
    held-out file comes behind the training data, so of both the training copy stays. Results say
    how many sequences were dropped.
    """

    kind: Literal["dedupe"] = "dedupe"
    source: Nested
    """The finite source."""


def open_dedupe(config: Dedupe) -> FiniteSource:
    """Read all sequences once, and keep a hash of 16 bytes of each.

    Where any were dropped, the entropy rate of what is left is not known, and the bytes per token
    only where every token is one byte.

    Raises:
        ConfigError: when the source is drawn without end (wrap it in `subsample` first), or gives
            real numbers at some positions.
    """
    inner = open_inner(config.source)
    refuse_reals(inner.info, "dedupe")
    if isinstance(inner, DeviceSource):
        raise ConfigError(
            "source: is drawn without end, so it has no duplicates to drop; wrap it in subsample, "
            "which makes it finite"
        )
    info, total = inner.info, inner.sequences
    kept = _first_ones(_hashes(inner))
    dropped = total - len(kept)
    changes: dict[str, Any] = {}
    if dropped:
        note = (
            f"dedupe: {dropped:,} of {total:,} sequences are exact duplicates of earlier ones and "
            "were dropped"
        )
        changes = {
            "entropy_rate_nats": None,
            "bytes_per_token": 1.0 if info.bytes_per_token == 1 else None,
            "documents": info.documents.take(kept),
            "notes": (*info.notes, note),
        }
        if info.labels_vary:
            changes |= _labels(inner, kept)
    lookup = getattr(inner, "component_of", None)

    def component_of(indices: Indices) -> Integer[np.ndarray, " n"]:
        assert lookup is not None
        return lookup(kept[np.asarray(indices, np.int64)])

    return FiniteSource(
        mapped_info(info, "dedupe", **changes),
        len(kept),
        lambda rows: inner.read(kept[rows]),
        component_of=lookup and component_of,
    )


def _parts(source: HostSource) -> list[Int64[np.ndarray, " n"]]:
    """Cut the indices of a source into parts that are read at a time."""
    step = max(1, _CHUNK // (source.info.features or source.info.length))
    whole = np.arange(source.sequences, dtype=np.int64)
    return [whole[start : start + step] for start in range(0, len(whole), step)]


def _hashes(source: HostSource) -> UInt8[np.ndarray, "n bytes"]:
    """Hash every sequence."""
    hashes = np.empty((source.sequences, _DIGEST), np.uint8)
    for rows in _parts(source):
        contents = _contents(source.read(rows))
        made = (hashlib.blake2b(row, digest_size=_DIGEST).digest() for row in contents)
        hashes[rows] = np.frombuffer(b"".join(made), np.uint8).reshape(-1, _DIGEST)
    return hashes


def _contents(batch: Batch) -> UInt8[np.ndarray, "n bytes"]:
    """Write all that a batch holds as bytes, each sequence in as many: tokens, labels, masks."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(batch)]
    # 0.0 is added so that -0.0, which equals it, has its bytes.
    plain = [
        leaf.astype(np.float32) + np.float32(0)
        if leaf.dtype.kind == "f"
        else leaf.astype(np.uint32)
        for leaf in leaves
    ]
    return np.concatenate([np.ascontiguousarray(each).view(np.uint8) for each in plain], axis=1)


def _first_ones(hashes: UInt8[np.ndarray, "n bytes"]) -> Int64[np.ndarray, " kept"]:
    """Find the first row of each content, in order."""
    high, low = np.ascontiguousarray(hashes).view(np.uint64).T
    order = np.lexsort((low, high))  # a stable order
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    return np.sort(order[first]).astype(np.int64)


def _labels(source: HostSource, kept: Int64[np.ndarray, " kept"]) -> dict[str, Any]:
    """Count again the share of the sequences in which each token is a label."""
    counts = np.zeros(source.info.length, np.int64)
    for rows in _parts(source):
        chosen = np.intersect1d(rows, kept, assume_unique=True)
        counts += masked(source.read(chosen), source.info).mask.sum(axis=0)
    return {"label_mask": counts > 0, "label_shares": counts / len(kept)}
