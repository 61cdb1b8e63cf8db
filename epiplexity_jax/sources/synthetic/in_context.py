"""Classification of a query from labelled items in its context, drawn on the device."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.keys import Seed, generator, key
from epiplexity_jax.sources.spec import DrawnTokens, SourceInfo, Synthetic
from epiplexity_jax.sources.synthetic.zipf import Alias, alias_tables, draw_alias, zipf_law


class InContext(Config):
    """In-context classification: labelled items, then a query whose label alone is paid for.

    A sequence is [item, label, ..., query, label] with `context` pairs before the query. Items and
    query are of K classes, drawn independently by Zipf's law. In a share `bursty` of the sequences
    the query's class takes the places of `copies` context items. Chan et al. 2022 vary the same
    two properties, burstiness and the exponent; here a class is one token, without variation.

    `labels: fixed` gives each class one label for all sequences: an observer that stores them pays
    nothing, and one that reads the context alone pays log2 V bits where the query is not in it.
    `labels: fresh` draws the classes' labels anew for each sequence: the best observer reads the
    context and pays log2 V bits where the query is not in it, and one that reads the query alone
    pays log2 V bits always.
    """

    kind: Literal["in_context"] = "in_context"
    classes: int = Field(default=64, ge=2, le=1 << 20)
    """K, number of classes, each of which is one token."""
    label_symbols: int = Field(default=8, ge=2, le=1 << 16)
    """V, symbols of a label."""
    context: int = Field(default=8, ge=1, le=1024)
    """m, labelled items before the query; a sequence has 2 m + 2 tokens."""
    bursty: float = Field(default=0.9, ge=0, le=1)
    """B, share of the sequences whose context is made to hold the query's class."""
    copies: int = Field(default=1, ge=1)
    """Context items that are made the query's class in a bursty sequence."""
    exponent: float = Field(default=0.0, ge=0, le=100)
    """a, exponent of Zipf's law over the classes; 0 draws all alike."""
    labels: Literal["fixed", "fresh"] = "fresh"
    """`fixed`: one label for each class. `fresh`: another one in each sequence."""
    table_seed: Seed = 0
    """Seed of the fixed labels."""

    @model_validator(mode="after")
    def _options_are_used(self) -> "InContext":
        if self.copies > self.context:
            raise ValueError(
                f"copies: expected at most context, which is {self.context}, got {self.copies}"
            )
        if self.labels == "fresh" and self.table_seed:
            raise ValueError("table_seed: fresh labels have no table; leave it out")
        return self


class Classes(NamedTuple):
    """Parameters of the task.

    Attributes:
        law: tables of the classes' law.
        labels: [K] int32, the fixed label of each class.
        fresh: [] bool, True where labels are drawn for each sequence.
        bursty: [] float32, probability of a bursty sequence.
        copies: [] int32, context items of a bursty one that are the query's class.
    """

    law: Alias
    labels: jax.Array
    fresh: jax.Array
    bursty: jax.Array
    copies: jax.Array


@dataclass(frozen=True)
class InContextSampler:
    """Draws labelled items and a query; both sorts of labels share a program (see `Classes`)."""

    context: int
    label_symbols: int

    def __call__(self, parameters: Classes, key_: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, 2 m + 2] int32; labels are 0 to V - 1, classes V to V + K - 1."""
        shape = (count, self.context + 1)
        items = draw_alias(parameters.law, key(key_, "items"), shape)
        query = items[:, -1:]
        burst = jax.random.uniform(key(key_, "burst"), (count, 1)) < parameters.bursty
        order = jax.random.uniform(key(key_, "places"), (count, self.context)).argsort(axis=1)
        context = jnp.where(burst & (order < parameters.copies), query, items[:, :-1])
        items = jnp.concatenate([context, query], 1)
        drawn = jax.random.randint(key(key_, "labels"), shape, 0, self.label_symbols, jnp.int32)
        first = (items[:, :, None] == items[:, None, :]).argmax(axis=2)  # of the same class
        fresh = jnp.take_along_axis(drawn, first, axis=1)
        labels = jnp.where(parameters.fresh, fresh, parameters.labels[items])
        return jnp.stack([items + self.label_symbols, labels], 2).reshape(count, -1)


def open_in_context(config: InContext) -> Synthetic:
    """Open the task; its entropy rate is that of the label given all that is before it.

    It is 0 with fixed labels. With fresh ones it is ln V times the probability that the query's
    class is not in the context, (1 - B) sum_k p_k (1 - p_k)^m.
    """
    length, symbols = 2 * config.context + 2, config.label_symbols
    fresh = config.labels == "fresh"
    law = zipf_law(config.classes, config.exponent)
    labels = np.zeros(config.classes, np.int32)
    if not fresh:
        drawn = generator(config.table_seed, "in_context", config.classes, symbols)
        labels = drawn.integers(symbols, size=config.classes, dtype=np.int32)
    copies = config.copies if config.bursty else 0
    how = (symbols, config.context, config.bursty, copies, fresh)
    info = SourceInfo(
        vocab_size=symbols,
        input_vocab_size=symbols + config.classes,
        length=length,
        label_mask=np.arange(length) == length - 1,
        fingerprint=fingerprint("in_context", law, labels, *how),
        entropy_rate_nats=absent_share(config) * math.log(symbols) if fresh else 0.0,
    )
    parameters = Classes(
        alias_tables(law),
        jnp.asarray(labels),
        jnp.asarray(fresh),
        jnp.float32(config.bursty),
        jnp.int32(copies),
    )
    return Synthetic(info, InContextSampler(config.context, symbols), parameters)


def absent_share(config: InContext) -> float:
    """Share of the sequences whose context does not hold the query's class.

    >>> absent_share(InContext(classes=2, context=1, bursty=0.5))
    0.25
    """
    law = zipf_law(config.classes, config.exponent)
    return float((1 - config.bursty) * (law * (1 - law) ** config.context).sum())
