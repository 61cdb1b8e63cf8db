"""The facts of a source, and the protocols: drawn on the device, or read on the host."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Bool, Float64, Int32, Int64, Integer, Key

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources.documents import Documents

MOST_TOKENS = 1 << 20  # of a sequence that is drawn: opening a source takes arrays of its length

Indices = Integer[np.ndarray, " n"] | Sequence[int]
HostTokens = Integer[np.ndarray, "n length"]
DrawnTokens = Int32[Array, "n length"]


def check_tokens(key: str, tokens: int) -> None:
    """Check that a sequence that is drawn is not too long.

    Raises:
        ValueError: which becomes the config's error.
    """
    if tokens > MOST_TOKENS:
        raise ValueError(f"{key}: expected sequences of at most {MOST_TOKENS} tokens, got {tokens}")


class Vectors(NamedTuple):
    """Examples whose input is a vector of real numbers, and whose one label is a token.

    Attributes:
        inputs: [n, F] float32.
        labels: [n, 1] integers in [0, V).
    """

    inputs: Any
    labels: Any


class MaskedTokens(NamedTuple):
    """Sequences of tokens, each with a label mask of its own.

    A token that is not paid for is context of the labels behind it; behind the last label of its
    sequence it is padding, which sources set to 0.

    Attributes:
        tokens: [n, L] integers.
        mask: [n, L] bool, True for the tokens that are predicted and paid for.
    """

    tokens: Any
    mask: Any


class WithReals(NamedTuple):
    """Sequences of tokens, with a vector of real numbers at some positions.

    The positions are those of the source (see `SourceInfo.real_positions`). A model reads the
    token's embedding there, with its first R dimensions replaced by the vector.

    Attributes:
        tokens: [n, L] integers.
        reals: [n, K, R] float32, the vectors of the K positions in their order.
    """

    tokens: Any
    reals: Any


# [n, L] integers; `MaskedTokens` where the source's labels vary; `WithReals` where it has reals;
# `Vectors` where it has features
Batch = Any


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceInfo:
    """The facts of an opened source, whose sequences all have the same length.

    They have the same label mask, too, unless the source says in which share of them a token is a
    label: then each batch carries its masks, as `MaskedTokens`.

    A source of vectors has length 2, an input and a label: its vector counts as one token. A token
    with a vector beside it (see `WithReals`) counts as one token, too.

    Attributes:
        vocab_size: V, symbols of a label; tokens are integers in [0, V).
        length: L, tokens of one sequence.
        label_mask: [L] bool, the tokens that are predicted and paid for, in some sequence or other
            where labels vary.
        label_shares: [L] the share of the sequences in which each token is a label; None where all
            have the same mask.
        fingerprint: hash of the data or of the generator's parameters; equal fingerprints draw
            equal sequences.
        input_vocab_size: symbols of an input token, where inputs have an alphabet of their own.
        features: F, numbers in the input vector; None for tokens.
        real_positions: K places of a sequence, ascending, that have a vector of real numbers, the
            same in all sequences; inputs before the last label. Each batch then is `WithReals`.
        real_width: R, numbers in each of these vectors; None without any.
        replays: how often training may read each sequence; above 1 only because it was asked for.
        origins: names of the data that this was made from, duplicates dropped; where empty, the
            fingerprint alone. Any two views of the same data share one, whatever their length,
            alphabet or size, so two finite sources that share none may be mixed.
        documents: documents of a finite source; default: successive windows of one text.
        entropy_rate_nats: nats per label token that no model can go below, averaged over the
            label tokens of a sequence; None where theory gives none.
        rate_is_unbounded: True if only an observer without limits on its compute comes near the
            entropy rate, so that it is no floor of what a bounded one learns; False where the
            rate is not known.
        bytes_per_token: bytes of the original data per label token; None where it has none.
        components: K, sources that this one is mixed of; see `components`.
        notes: sentences on what was guessed or left out when the data was read, which results
            repeat.

    Raises:
        ConfigError: when the places or the width of the reals are wrong.
    """

    vocab_size: int
    length: int
    label_mask: Bool[np.ndarray, " length"] = field(repr=False)
    fingerprint: str
    label_shares: Float64[np.ndarray, " length"] | None = field(default=None, repr=False)
    entropy_rate_nats: float | None = None
    rate_is_unbounded: bool = False
    bytes_per_token: float | None = None
    input_vocab_size: int | None = None
    features: int | None = None
    real_positions: tuple[int, ...] = ()
    real_width: int | None = None
    replays: int = 1
    origins: tuple[str, ...] = ()
    documents: Documents = field(default=Documents("text"), repr=False)
    components: int = 1
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "origins", tuple(dict.fromkeys(self.origins)))
        if self.entropy_rate_nats is None:
            object.__setattr__(self, "rate_is_unbounded", False)
        if self.real_positions or self.real_width is not None:
            _check_reals(self)

    @classmethod
    def all_labels(cls, vocab_size: int, length: int, name: str, **facts: Any) -> "SourceInfo":
        """Make the facts of a source all of whose tokens are labels.

        Args:
            vocab_size: V.
            length: L.
            name: its fingerprint.
            **facts: other fields.
        """
        mask = np.ones(length, bool)
        return cls(vocab_size=vocab_size, length=length, label_mask=mask, fingerprint=name, **facts)

    @property
    def has_bos(self) -> bool:
        """True if a BOS token precedes the sequence: its first token is predicted too."""
        return bool(self.label_mask[0])

    @property
    def label_tokens(self) -> int:
        """Label tokens of one sequence, at the most where they vary: these are paid for."""
        return int(self.label_mask.sum())

    @property
    def labels_vary(self) -> bool:
        """True if each sequence has a label mask of its own."""
        return self.label_shares is not None

    @property
    def numbers(self) -> int:
        """Integers and real numbers of one sequence, those of its inputs where it has features."""
        return (self.features or self.length) + len(self.real_positions) * (self.real_width or 0)

    @property
    def mean_labels(self) -> float:
        """Label tokens of a sequence on average."""
        return self.label_tokens if self.label_shares is None else float(self.label_shares.sum())


def _check_reals(info: SourceInfo) -> None:
    """Refuse vectors of real numbers that no model could read."""
    places, width = info.real_positions, info.real_width
    if not places or width is None or width < 1:
        raise ConfigError(
            f"real_width: expected a width of 1 or more and real_positions, got {width} and "
            f"{[*places]}; give both or neither"
        )
    if info.features is not None or info.labels_vary:
        other = "labels that vary by sequence" if info.labels_vary else "vectors as inputs"
        raise ConfigError(f"real_positions: a source with {other} cannot have them; leave them out")
    last = int(np.flatnonzero(info.label_mask)[-1])
    wrong = [p for p in places if not 0 <= p < last or info.label_mask[p]]
    if wrong or list(places) != sorted(set(places)):
        raise ConfigError(
            f"real_positions: expected ascending places of inputs before the last label, at {last},"
            f" got {[*places]}; a label cannot have a vector"
        )


@runtime_checkable
class Sampler(Protocol):
    """Draws sequences on the device: a pure function, hashable, equal for equal shapes.

    What may differ between sources that share a compiled program (a rule table, a transition
    matrix) travels in `parameters`, a pytree of arrays; what fixes shapes and loop bounds is part
    of the sampler itself (a frozen dataclass).
    """

    def __call__(self, parameters: Any, key: Key[Array, ""], count: int) -> Batch:
        """Draw `count` sequences, a function of the key alone.

        They are [count, L] int32, `MaskedTokens`, `WithReals` or `Vectors`.
        """
        ...


@runtime_checkable
class DeviceSource(Protocol):
    """A synthetic source: batch i of a stream is `sampler(parameters, fold_in(key, i), B)`."""

    @property
    def info(self) -> SourceInfo:
        """Its facts."""
        ...

    @property
    def sampler(self) -> Sampler:
        """The function that draws; shared by sources of equal shapes."""
        ...

    @property
    def parameters(self) -> Any:
        """A pytree of the source's own arrays."""
        ...


@runtime_checkable
class HostSource(Protocol):
    """A finite collection of sequences with random access, read on the host."""

    @property
    def info(self) -> SourceInfo:
        """Its facts."""
        ...

    @property
    def sequences(self) -> int:
        """Number of sequences."""
        ...

    def read(self, indices: Integer[np.ndarray, " n"], /) -> Batch:
        """Read sequences by index, [n] int64 in [0, sequences).

        They are [n, L] integers, `MaskedTokens`, `WithReals` or `Vectors`.
        """
        ...


@dataclass(frozen=True, eq=False)
class FiniteSource:
    """A finite source whose `rows` are read by a function of their indices (see `HostSource`).

    A mixed one has `component_of`, from indices [n] to the component of each sequence.
    """

    info: SourceInfo
    sequences: int
    rows: Callable[[Int64[np.ndarray, " n"]], Batch]
    component_of: Callable[..., Any] | None = field(default=None, kw_only=True)

    def read(self, indices: Indices) -> Batch:
        """Read sequences by index: [n, L] integers, or a `Batch` of another sort."""
        return self.rows(np.asarray(indices, np.int64))


@dataclass(frozen=True, eq=False)
class Synthetic:
    """A source whose sequences are drawn inside the compiled program (see `DeviceSource`)."""

    info: SourceInfo
    sampler: Any
    parameters: Any = ()


Source = DeviceSource | HostSource
