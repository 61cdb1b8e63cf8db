"""Several sources mixed: every sequence comes from one of them."""

import dataclasses
import itertools
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32, Int64, Integer, Key
from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.base.keys import Seed, generator, key
from epiplexity_jax.sources.batches import empty_batch, joint_labels, masked, put
from epiplexity_jax.sources.documents import mixed_documents
from epiplexity_jax.sources.maps.inner import (
    Mapped,
    Nested,
    drawn_seed,
    open_inner,
    origins,
)
from epiplexity_jax.sources.spec import (
    Batch,
    DeviceSource,
    FiniteSource,
    HostSource,
    Indices,
    Sampler,
    Source,
    SourceInfo,
    Synthetic,
)


class Component(Config):
    """One of the sources of a mix."""

    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Its share of the sequences, relative to the other weights."""
    source: Nested
    """The source."""


class Mix(Config):
    """Sequences of several sources of equal shape, in given proportions."""

    kind: Literal["mix"] = "mix"
    sources: tuple[Component, ...] = Field(min_length=1)
    """Entries of `weight` and `source`. All are finite, or all are drawn; a drawn mix draws from
    every one of them and keeps one, so its time is the sum of theirs."""
    map_seed: Seed = 0
    """Seed of which sequence comes from where."""


@dataclass(frozen=True)
class MixSampler:
    """Draws from all K components and keeps, for each sequence, one (see `spec.Sampler`).

    The parameters' `inner` are a tuple of K, their `own` [K - 1] float32: cumulative weights
    without the last.
    """

    samplers: tuple[Sampler, ...]

    def __call__(self, parameters: Mapped, key_: Key[Array, ""], count: int) -> Batch:
        """Draw `count` sequences: [count, L] int32, `WithReals` or `Vectors`."""
        chosen = self.component_of(parameters, key_, count)
        drawn = [
            sampler(inner, key(key_, "source", k), count)
            for k, (sampler, inner) in enumerate(zip(self.samplers, parameters.inner, strict=True))
        ]
        result = drawn[0]
        for k, other in enumerate(drawn[1:], 1):
            result = jax.tree.map(
                lambda x, y, k=k: jnp.where(_by_sequence(chosen == k, x.ndim), y, x), result, other
            )
        return result

    def component_of(
        self, parameters: Mapped, key_: Key[Array, ""], count: int
    ) -> Int32[Array, " n"]:
        """Find the component that each sequence of a draw is from: [count], in 0 to K - 1.

        Args:
            parameters: as for the draw.
            key_: the draw's random key.
            count: number of sequences.
        """
        own = jax.random.fold_in(key(key_, "mix"), parameters.seed)
        uniform = jax.random.uniform(own, (count, 1))
        return (uniform >= parameters.own[None]).sum(axis=1, dtype=jnp.int32)


def _by_sequence(flags: Bool[Array, " n"], axes: int) -> Bool[Array, "n ..."]:
    """Flags of sequences, to be broadcast to so many axes of which the first is theirs."""
    return flags.reshape(-1, *(1,) * (axes - 1))


def open_mix(config: Mix) -> Source:
    """Mix sources; a finite mix holds as many sequences as the weights allow, and none twice.

    Its entropy rate is not known, unless there is but one source.

    Raises:
        ConfigError: when the sources differ in length, in which tokens are paid for or in which
            have real numbers, or finite ones are mixed with endless ones.
        DataError: when two finite ones hold the same data, whatever their lengths, sizes and maps,
            as held-out sequences of one would be trained on in the other; or when a weight is so
            small that no sequence of its source is taken.
    """
    names = [f"sources.{k}.source" for k in range(len(config.sources))]
    opened = [
        open_inner(part.source, name) for part, name in zip(config.sources, names, strict=True)
    ]
    # As the weights are written: 0.1 is a tenth.
    written = [Fraction(repr(part.weight)) for part in config.sources]
    weights = [weight / sum(written) for weight in written]
    drawn = [source for source in opened if isinstance(source, DeviceSource)]
    finite = [source for source in opened if isinstance(source, HostSource)]
    infos = [source.info for source in opened]
    info = _mixed_info(infos, names, weights, config.map_seed, not drawn)
    if not drawn:
        _refuse_equal_data([source.info for source in finite], names)
        return _finite_mix(info, finite, weights, config.map_seed)
    if finite:
        name = next(n for n, source in zip(names, opened, strict=True) if source is drawn[0])
        raise ConfigError(
            f"{name}: is drawn without end, and another source of the mix is finite; wrap it in "
            "subsample, which makes it finite"
        )
    thresholds = [float(total) for total in itertools.accumulate(weights)][:-1]
    parameters = Mapped(
        tuple(source.parameters for source in drawn),
        drawn_seed(config.map_seed, "mix"),
        jnp.asarray(thresholds, jnp.float32),
    )
    return Synthetic(info, MixSampler(tuple(source.sampler for source in drawn)), parameters)


def _mixed_info(
    infos: list[SourceInfo], names: list[str], weights: list[Fraction], seed: int, finite: bool
) -> SourceInfo:
    first = infos[0]
    for info, name in zip(infos[1:], names[1:], strict=True):
        for what in ("features", "length", "real_positions", "real_width"):
            one, other = getattr(info, what), getattr(first, what)
            if one != other:
                raise ConfigError(
                    f"{name}: its {what} is {one}, but {other} in {names[0]}; all must agree"
                )
    labels = joint_labels(infos, [float(weight) for weight in weights])
    if labels and not (finite and first.features is None and not first.real_positions):
        other = next(
            name
            for info, name in zip(infos, names, strict=True)
            if info.labels_vary or (info.label_mask != first.label_mask).any()
        )
        if any(info.labels_vary for info in infos):
            raise ConfigError(
                f"{other}: its labels vary by sequence, which a mix of drawn sources does not "
                "know; make finite sources of all of them with subsample"
            )
        raise ConfigError(f"{other}: pays for other tokens than {names[0]}; all must agree")
    for info, name in zip(infos, names, strict=True):
        if info.documents.heldout_from is not None:
            raise ConfigError(f"{name}: has a held-out file of its own; leave it out in a mix")
    inputs = [info.input_vocab_size or info.vocab_size for info in infos]
    bytes_each = {info.bytes_per_token for info in infos}
    return dataclasses.replace(
        first,
        vocab_size=max(info.vocab_size for info in infos),
        input_vocab_size=max(inputs) if any(info.input_vocab_size for info in infos) else None,
        fingerprint=fingerprint("mix", weights, seed, [info.fingerprint for info in infos]),
        entropy_rate_nats=first.entropy_rate_nats if len(infos) == 1 else None,
        bytes_per_token=bytes_each.pop() if len(bytes_each) == 1 else None,
        origins=tuple(origin for info in infos for origin in origins(info)),
        components=len(infos),
        notes=tuple(dict.fromkeys(note for info in infos for note in info.notes)),
        **labels,
    )


def _refuse_equal_data(infos: list[SourceInfo], names: list[str]) -> None:
    for (k, one), (j, other) in itertools.combinations(enumerate(infos), 2):
        if set(origins(one)) & set(origins(other)):
            raise DataError(
                f"{names[j]}: holds the same data as {names[k]}, or a part of it, so held-out "
                "sequences of one would be training sequences of the other; mix sources of "
                "different data or seeds"
            )


def _finite_mix(
    info: SourceInfo, sources: list[HostSource], weights: list[Fraction], seed: int
) -> FiniteSource:
    have = [source.sequences for source in sources]
    counts = exact_counts(have, weights)
    if 0 in counts:
        raise DataError(
            f"sources.{counts.index(0)}.source: contributes no sequence: at these weights the "
            f"mix has {sum(counts)} in all; bring more data or change the weights"
        )
    drawn = generator(seed, "mix")
    which, where = np.min_scalar_type(len(have)), np.min_scalar_type(max(have))
    component = np.repeat(np.arange(len(have), dtype=which), counts)
    places = [drawn.permutation(n)[:c] for n, c in zip(have, counts, strict=True)]
    place = np.concatenate(places).astype(where)
    order = drawn.permutation(len(component))
    component, place = component[order], place[order]

    def read(indices: Int64[np.ndarray, " n"]) -> Batch:
        sources_of, places_there = component[indices], place[indices].astype(np.int64)
        result = empty_batch(len(indices), info)
        for k in np.unique(sources_of).tolist():
            rows = np.flatnonzero(sources_of == k)
            read = sources[k].read(places_there[rows])
            put(result, rows, masked(read, sources[k].info) if info.labels_vary else read)
        return result

    def component_of(indices: Indices) -> Integer[np.ndarray, " n"]:
        return component[np.asarray(indices, np.int64)]

    parts = [(source.info.documents, source.sequences) for source in sources]
    info = dataclasses.replace(info, documents=mixed_documents(parts, component, place))
    return FiniteSource(info, len(component), read, component_of=component_of)


def exact_counts(have: list[int], weights: list[Fraction]) -> list[int]:
    """Count the sequences to take from each source: the most that keep the weights, rounded.

    Of sources that have n_k sequences, with weights w_k of sum 1: counts of sum n, the largest with
    n w_k <= n_k for all k; the rest of rounding down goes to the largest remainders.

    >>> exact_counts([10, 100], [Fraction(1, 4), Fraction(3, 4)])
    [10, 30]
    >>> exact_counts([5, 5, 5], [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)])
    [5, 3, 2]
    """
    total = min(int(n / w) for n, w in zip(have, weights, strict=True))
    shares = [total * weight for weight in weights]
    counts = [int(share) for share in shares]
    by_rest = sorted(range(len(shares)), key=lambda k: counts[k] - shares[k])
    for k in by_rest[: total - sum(counts)]:
        counts[k] += 1
    return counts
