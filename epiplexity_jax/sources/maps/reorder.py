"""Any source with the tokens of every sequence in another order, the same for all."""

import functools
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Integer
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.keys import Seed, generator
from epiplexity_jax.sources.maps.inner import (
    Nested,
    is_noise,
    map_alike,
    mapped_info,
    open_inner,
    refuse_all_but_tokens,
)
from epiplexity_jax.sources.spec import (
    Batch,
    Source,
    SourceInfo,
)

Places = Integer[np.ndarray, " L"]
Segment = Integer[np.ndarray, " _"]  # places of a segment; each has its own length


class Reorder(Config):
    """Any source with its tokens in another order, which is the same for every sequence.

    A token that is paid for stays so wherever it goes, so sequences have the same tokens, labels
    and bytes as before. An order by which labels come before their inputs asks a model for the
    labels without them: to read the parts of [X; Y] in turn, both must be paid for. Under the same
    seed a source and its reorderings give the same sequences, so they can be compared in pairs.
    """

    kind: Literal["reorder"] = "reorder"
    source: Nested
    """The source to reorder."""
    order: Literal["reverse", "permute", "label_first"]
    """`reverse`: the last comes first. `permute`: one random permutation, the same for every
    sequence. `label_first`: all labels, then all inputs that are not paid for, which nothing reads
    there: the labels without what their inputs say of them."""
    segments: int | None = Field(default=None, ge=1)
    """Number of equal segments that a sequence is cut into; default: its parts, which are runs of
    inputs and runs of labels, so that inputs stay before labels; a text is one part."""
    of: Literal["tokens", "segments"] = "tokens"
    """`tokens`: the order of the tokens within each segment, which keeps its place. `segments`: the
    order of the segments, each of which keeps its tokens as they are."""
    map_seed: Seed = 0
    """Seed of `permute`."""

    @model_validator(mode="after")
    def _options_are_used(self) -> "Reorder":
        if self.order == "label_first" and (self.segments is not None or self.of == "segments"):
            name = "of" if self.segments is None else "segments"
            raise ValueError(f"{name}: label_first orders the whole sequence; leave it out")
        if self.order != "permute" and self.map_seed:
            raise ValueError(f"map_seed: {self.order} draws nothing at random; leave it out")
        return self


def _placed(places: Any, batch: Batch) -> Batch:
    """Reorder [n, L]; the order is a value, so all orders of a source share one program."""
    return batch[:, places]


def open_reorder(config: Reorder) -> Source:
    """Open a reordered source.

    Its entropy rate is that of the source where, in both orders, no label comes before an input,
    and not known elsewhere: the entropy of all labels given all inputs does not depend on the order
    in which they are read. How hard they are to predict does, so it is no floor, unless the labels
    are uniform noise.

    Raises:
        ConfigError: when inputs are or have vectors, labels vary by sequence, labels would take the
            places of inputs of another alphabet, or the order would change nothing.
    """
    inner = open_inner(config.source)
    info = inner.info
    refuse_all_but_tokens(info, "reorder")
    places = _places(config, info.label_mask)
    mask = info.label_mask[places]
    same = (mask == info.label_mask).all()
    if info.input_vocab_size not in (None, info.vocab_size) and not same:
        raise ConfigError(
            f"source: its inputs have {info.input_vocab_size} symbols and its labels "
            f"{info.vocab_size}, so they cannot change places; leave segments out and use reverse "
            "or permute, which keep inputs and labels apart"
        )
    whole = (places[:-1] > places[1:]).all()  # reversed, so windows of a text continue each other
    documents = info.documents.backwards() if whole else info.documents.unjoined()
    changes = {"label_mask": mask, "documents": documents, **_rate(info, mask)}
    mapped = mapped_info(info, "reorder", places, **changes)
    own = places.astype(np.int32)
    return map_alike(inner, mapped, _placed, functools.partial(_placed, places), own)


def _rate(info: SourceInfo, mask: Bool[np.ndarray, " L"]) -> dict[str, Any]:
    """Entropy rate under the new label mask, as fields of `SourceInfo`."""
    inputs_first = not any((each[:-1] & ~each[1:]).any() for each in (info.label_mask, mask))
    if not inputs_first:
        return {"entropy_rate_nats": None}
    return {"rate_is_unbounded": info.rate_is_unbounded or not is_noise(info)}


def _places(config: Reorder, mask: Bool[np.ndarray, " L"]) -> Places:
    """Find the place in the inner sequence of each token of the reordered one."""
    if config.order == "label_first":
        places = np.concatenate([np.flatnonzero(mask), np.flatnonzero(~mask)])
        if (places[:-1] < places[1:]).all():
            raise ConfigError(
                "order: expected a source with inputs before its labels for label_first, got one "
                "without; use reverse or permute"
            )
        return places
    segments = segments_of(config.segments, mask)
    if config.of == "segments":
        if len(segments) < 2:
            raise ConfigError(
                "of: expected 2 segments or more to reorder, got 1; give segments, or use of: "
                "tokens"
            )
        return np.concatenate([segments[i] for i in _order(config, len(segments), "segments")])
    if max(len(segment) for segment in segments) < 2:
        raise ConfigError(
            "segments: expected segments of 2 tokens or more, got 1 token each, which has no order"
            "; give fewer segments, or use of: segments"
        )
    return np.concatenate(
        [segment[_order(config, len(segment), i)] for i, segment in enumerate(segments)]
    )


def segments_of(count: int | None, mask: Bool[np.ndarray, " L"]) -> list[Segment]:
    """Cut the places of a sequence into equal segments, or where inputs and labels meet.

    Raises:
        ConfigError: when the number of segments does not divide the sequence's length.
    """
    places = np.arange(len(mask))
    if count is None:
        return np.split(places, np.flatnonzero(mask[1:] != mask[:-1]) + 1)
    if len(mask) % count:
        raise ConfigError(
            f"segments: expected a divisor of the sequence's length, which is {len(mask)}, "
            f"got {count}"
        )
    return np.split(places, count)


def _order(config: Reorder, count: int, name: str | int) -> Segment:
    """Order `count` things: backwards, or at random by seed and name."""
    if config.order == "reverse":
        return np.arange(count)[::-1]
    return generator(config.map_seed, "reorder", name).permutation(count)
