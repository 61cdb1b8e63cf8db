"""Any source with the tokens of every sequence sorted."""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool
from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources.maps.inner import (
    Nested,
    is_noise,
    map_alike,
    mapped_info,
    open_inner,
    refuse_all_but_tokens,
)
from epiplexity_jax.sources.maps.reorder import segments_of
from epiplexity_jax.sources.spec import Batch, Source, SourceInfo

Bounds = tuple[tuple[int, int], ...]


class Sort(Config):
    """Any source with the tokens of every sequence, or of each part of it, in ascending order.

    What is left is how often each symbol occurs: a sequence of n different symbols in random order
    loses log2 n! bits. The order is lost, so the original data do not follow from it and there are
    no bits per byte of them. A source and its sorted sequences are drawn or read alike, so they can
    be compared in pairs.
    """

    kind: Literal["sort"] = "sort"
    source: Nested
    """The source to sort."""
    segments: int | None = Field(default=None, ge=1)
    """Number of equal segments that are sorted, each on its own; default: the parts of a sequence,
    which are runs of inputs and runs of labels; a text is one part."""


@dataclass(frozen=True)
class DrawnSort:
    """Sorts every segment of a batch on the device."""

    bounds: Bounds

    def __call__(self, own: Any, batch: Batch) -> Batch:
        """Sort [n, L]."""
        return _sorted(batch, self.bounds, jnp.sort, jnp.concatenate)


def open_sort(config: Sort) -> Source:
    """Open a sorted source.

    Of uniform noise its entropy rate is known: that of the number of times each symbol occurs among
    n tokens, a multinomial count. Of other sources it is not.

    Raises:
        ConfigError: when inputs are or have vectors, labels vary by sequence, a segment holds
            inputs and labels, or all segments have one token.
    """
    inner = open_inner(config.source)
    info = inner.info
    refuse_all_but_tokens(info, "sort")
    bounds = _bounds(config.segments, info.label_mask)
    changes = {
        "bytes_per_token": None,
        "documents": info.documents.unjoined(),
        "entropy_rate_nats": _rate(info, bounds),
    }
    mapped = mapped_info(info, "sort", bounds, **changes)

    def read(batch: Batch) -> Batch:
        return _sorted(np.asarray(batch), bounds, np.sort, np.concatenate)

    return map_alike(inner, mapped, DrawnSort(bounds), read)


def _bounds(count: int | None, mask: Bool[np.ndarray, " L"]) -> Bounds:
    """Find first place and end of every segment."""
    segments = segments_of(count, mask)
    for segment in segments:
        if len(set(mask[segment].tolist())) > 1:
            raise ConfigError(
                "segments: expected inputs and labels in segments of their own, got both in places "
                f"{segment[0]} to {segment[-1]}; leave segments out, or choose another number"
            )
    if max(len(segment) for segment in segments) < 2:
        raise ConfigError(
            "segments: expected segments of 2 tokens or more, got 1 token each, which has no order"
            "; give fewer segments"
        )
    return tuple((int(segment[0]), int(segment[-1]) + 1) for segment in segments)


def _sorted(
    batch: Any, bounds: Bounds, sort: Callable[..., Any], join: Callable[..., Any]
) -> Batch:
    """Sort the segments of a batch.

    Args:
        batch: [n, L] of NumPy or of JAX.
        bounds: the segments, one behind the other.
        sort: `sort` of that library.
        join: `concatenate` of that library.
    """
    width = bounds[0][1]
    if all(stop - start == width for start, stop in bounds):
        rows = batch.reshape(len(batch), len(bounds), width)
        return sort(rows, axis=2).reshape(batch.shape)
    return join([sort(batch[:, start:stop], axis=1) for start, stop in bounds], axis=1)


def _rate(info: SourceInfo, bounds: Bounds) -> float | None:
    """Nats per label token of sorted noise; None of other sources."""
    if not is_noise(info):
        return None
    paid = [stop - start for start, stop in bounds if info.label_mask[start]]
    total = math.fsum(multiset_entropy(count, info.vocab_size) for count in paid)
    return total / info.label_tokens


def multiset_entropy(count: int, vocab_size: int) -> float:
    """Compute the entropy in nats of how often each symbol occurs among uniform draws.

    It is n ln V - ln n! + V E ln B!, where B, the number of times that one symbol occurs, is
    binomial with n draws and probability 1 / V.

    Args:
        count: n, number of independent draws.
        vocab_size: V, symbols that are equally probable.

    >>> round(multiset_entropy(2, 2) / math.log(2), 12)  # two alike, or the others, or both
    1.5
    """
    stay, leave = math.log(1 / vocab_size), math.log1p(-1 / vocab_size)
    logs = [math.lgamma(k + 1) for k in range(count + 1)]
    shares = [
        math.exp(logs[count] - logs[k] - logs[count - k] + k * stay + (count - k) * leave)
        for k in range(count + 1)
    ]
    # They sum to 1 but for the rounding of large logarithms, which the division takes out.
    expected = math.fsum(map(operator.mul, shares, logs)) / math.fsum(shares)
    return max(0.0, count * math.log(vocab_size) - logs[count] + vocab_size * expected)
