"""Any source of bits with an elementary cellular automaton applied to every sequence."""

import functools
from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Integer
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
from epiplexity_jax.sources.spec import Batch, HostTokens, Source, SourceInfo
from epiplexity_jax.sources.synthetic.automata import (
    MOST_EVOLVED,
    Masks,
    advance,
    evolve,
    pack,
    rule_masks,
    unpack,
)
from epiplexity_jax.sources.synthetic.automata_entropy import image_nats, is_permutation


class ApplyRule(Config):
    """Any source of bits, evolved by an elementary cellular automaton: computing on data.

    A sequence X of L bits is the state of a ring of L cells, and Y its state `steps` steps later.
    Computing adds no information for an observer without a bound on compute. To a bounded one, Y
    may have structure that X has not, as with noise and rule 54, or may look like noise.

    Under the same seed X is the same for every rule, and is that of the source by itself.
    """

    kind: Literal["apply_rule"] = "apply_rule"
    source: Nested
    """The source of X, of two symbols."""
    rule: int = Field(ge=0, le=255)
    """Wolfram's number of the rule."""
    steps: int = Field(default=1, ge=1, le=MOST_EVOLVED)
    """Steps from X to Y."""
    keep: Literal["y", "xy"] = "y"
    """`y`: Y takes the place of X and is paid for where X was. `xy`: a sequence is [X; Y], and Y is
    paid for."""


@dataclass(frozen=True)
class DrawnRule:
    """Evolves a batch on the device; the rule is a value, so all rules share one program."""

    steps: int
    keeps_x: bool

    def __call__(self, masks: Masks, x: Batch) -> Batch:
        """Evolve [n, L] to [n, L], or to [n, 2 L] with X in front.

        Args:
            masks: `automata.rule_masks`.
            x: states of rings of L cells.
        """
        cells = x.shape[1]
        y = advance(pack(x), lambda ring: evolve(ring, masks, cells), self.steps)
        shown = unpack(y, cells)
        return jnp.concatenate([x, shown], 1) if self.keeps_x else shown


def open_apply_rule(config: ApplyRule) -> Source:
    """Open a source with a rule applied to it.

    With `keep: xy` its entropy rate is 0, as Y can be computed from X alone. With `keep: y` it is
    known where every token is paid for: where the rule permutes the states of the ring it is the
    source's, and that of uniform noise is else counted over all 2^L states, up to L = 16. Only an
    observer without a bound on compute is sure to come near it, so it is no floor, unless Y is
    uniform noise as X is.

    Raises:
        ConfigError: when the source gives vectors, labels that vary by sequence, or more than two
            symbols.
    """
    inner = open_inner(config.source)
    info = inner.info
    refuse_all_but_tokens(info, "apply_rule")
    _refuse_other_than_bits(info)
    length, keeps_x = info.length, config.keep == "xy"
    changes: dict[str, Any] = {"documents": info.documents.unjoined(), "bytes_per_token": None}
    if keeps_x:
        changes |= {"length": 2 * length, "label_mask": np.repeat([False, True], length)}
    masks = rule_masks(config.rule)
    changes |= _rate(info, config)
    mapped = mapped_info(info, "apply_rule", masks, config.steps, config.keep, **changes)
    read = functools.partial(_evolved, config.rule, config.steps, keeps_x)
    return map_alike(inner, mapped, DrawnRule(config.steps, keeps_x), read, masks)


def _refuse_other_than_bits(info: SourceInfo) -> None:
    """Refuse a source whose tokens are not 0 or 1."""
    symbols = max(info.vocab_size, info.input_vocab_size or 0)
    if symbols != 2:
        raise ConfigError(
            f"source: expected 2 symbols, the states of a cell, got {symbols}; use vocab_size: 2, "
            "an alphabet of 2 characters, or tokens that you wrote as bits"
        )


def _rate(info: SourceInfo, config: ApplyRule) -> dict[str, Any]:
    """Entropy rate and whether a bounded observer reaches it, as fields of `SourceInfo`."""
    if config.keep == "xy":
        return {"entropy_rate_nats": 0.0, "rate_is_unbounded": True}
    rate, length = info.entropy_rate_nats, info.length
    noise = is_noise(info)
    if rate is None or not info.label_mask.all():
        rate = None
    elif is_permutation(config.rule, length):
        return {"rate_is_unbounded": info.rate_is_unbounded or not noise}
    else:
        nats = image_nats(config.rule, length, config.steps) if noise else None
        rate = None if nats is None else nats / length
    return {"entropy_rate_nats": rate, "rate_is_unbounded": True}


def _evolved(rule: int, steps: int, keeps_x: bool, x: Integer[np.ndarray, "n L"]) -> HostTokens:
    """The host's twin of `DrawnRule`: a cell's next state is an entry of the rule's table."""
    table = np.array([rule >> i & 1 for i in range(8)], np.uint8)
    y = np.asarray(x, np.uint8)
    for _ in range(steps):
        y = table[4 * np.roll(y, 1, axis=1) + 2 * y + np.roll(y, -1, axis=1)]
    return np.concatenate([np.asarray(x, np.uint8), y], axis=1) if keeps_x else y
