"""Elementary cellular automata, evolved on the device with 32 cells to a machine word."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Key, UInt32
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.sources.spec import DrawnTokens, SourceInfo, Synthetic, check_tokens
from epiplexity_jax.sources.synthetic.automata_entropy import image_nats

_WORD = 32
MOST_EVOLVED = 1 << 17  # steps, far above any use: to draw a thousand rings so far takes seconds
Ring = tuple[UInt32[Array, "*parts n"], ...]
Shown = tuple[UInt32[Array, "_ *parts n"], ...]  # one state after the other
Step = Callable[[Ring], Ring]
Masks = UInt32[Array, "8"]


class ElementaryCA(Config):
    """Elementary cellular automaton: predict the state `steps` steps after a given one.

    A ring of cells that are 0 or 1. A sequence is [X; Y]: X is the state `burn_in` steps after
    uniform random bits, Y the state `steps` steps later. Y is a function of X, so an observer
    without a bound on compute needs 0 bits for it; the measurement is of the bits that a bounded
    one needs (rule 30 over many steps: nearly 1 bit per cell).

    `states: l` puts the states in between into the sequence, [X; S_1; ..; S_l], whose last is the Y
    of `states: 1`. All of them are paid for, and each is a function of the one before it.

    `pay: all` pays for X too. `reorder` then compares a function with its inverse, [X; Y] with
    [Y; X], whose entropies are the same.

    All rules of a sweep with equal `cells`, `steps`, `states` and `burn_in` train together in one
    compiled program. Drawing is fast: 1048 steps of 384 rings of 64 cells take 0.25 to 0.35 ms on
    two CPU cores (benchmarks/automata.py).
    """

    kind: Literal["elementary_ca"] = "elementary_ca"
    rule: int = Field(ge=0, le=255)
    """Wolfram's number of the rule."""
    cells: int = Field(default=64, ge=3)
    """Cells of the ring; a sequence is (1 + states) x cells tokens: the state X, then those of
    which the last is Y."""
    steps: int = Field(default=48, ge=1, le=MOST_EVOLVED)
    """Steps from X to Y."""
    burn_in: int = Field(default=1000, ge=0, le=MOST_EVOLVED)
    """Steps from uniform random bits to X."""
    states: int = Field(default=1, ge=1)
    """States behind X, equally spaced in time, of which Y is the last; a divisor of `steps`."""
    pay: Literal["labels", "all"] = "labels"
    """`labels`: the states behind X are paid for. `all`: X is too, and a BOS token precedes it."""

    @model_validator(mode="after")
    def _states_are_equally_spaced_and_not_too_long(self) -> "ElementaryCA":
        check_states(self.steps, self.states)
        check_tokens("cells", (1 + self.states) * self.cells)
        return self


def check_states(steps: int, states: int) -> None:
    """Check that a number of states divides the steps.

    Raises:
        ValueError: which becomes the config's error.
    """
    if steps % states:
        raise ValueError(f"states: expected a divisor of steps, which is {steps}, got {states}")


@dataclass(frozen=True)
class CASampler:
    """Draws [X; S_1; ..; S_l]; the rule is a value, so all rules share one program.

    A ring is packed 32 cells to a word; a step is a dozen operations on whole words. The first
    `hidden` bits of X are left out. See `spec.Sampler`.
    """

    cells: int
    steps: int
    burn_in: int = 0
    hidden: int = 0
    states: int = 1

    def __call__(self, parameters: Masks, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, (1 + states) * cells - hidden] int32; parameters: `rule_masks`."""
        words, cells = -(-self.cells // _WORD), self.cells
        start = tuple(jax.random.bits(key, (words, count), jnp.uint32))

        def step(ring: Ring) -> Ring:
            return evolve(ring, parameters, cells)

        x = advance(start, step, self.burn_in)
        behind = states_behind(x, step, self.steps, self.states)
        return jnp.concatenate([unpack(x, cells)[:, self.hidden :], unpack(behind, cells)], 1)


def advance(ring: Ring, step: Step, steps: int) -> Ring:
    """Apply a step several times.

    Args:
        ring: words, whatever the step takes.
        step: from a state to the next.
        steps: number of steps.
    """
    # A rolled loop: an unrolled one is many times slower to compile and to run.
    return jax.lax.fori_loop(0, steps, lambda _, state: step(state), ring)


def states_behind(x: Ring, step: Step, steps: int, states: int) -> Shown:
    """Find the states behind x that are shown.

    Args:
        x: the first state, words of shape [*parts, n].
        step: from a state to the next.
        steps: steps to the last state.
        states: number of states, equally spaced.

    Returns:
        Words of shape [states, *parts, n].
    """

    def following(state: Ring, _: None) -> tuple[Ring, Ring]:
        state = advance(state, step, steps // states)
        return state, state

    return jax.lax.scan(following, x, length=states)[1]


def evolve(ring: Ring, masks: Masks, cells: int) -> Ring:
    """Evolve rings of cells by one step.

    Args:
        ring: words of shape [*parts, n] uint32; bit b of word w is cell 32 w + b of a part of each
            of n samples. Bits behind the last cell do not matter.
        masks: [8] uint32, entry 4 left + 2 centre + right is all ones where the rule gives 1.
        cells: cells of a ring.

    Returns:
        The next state, like `ring`.
    """
    left, right = neighbours(ring, cells)
    return tuple(_apply(masks, *each) for each in zip(left, ring, right, strict=True))


def neighbours(ring: Ring, cells: int) -> tuple[list[jax.Array], list[jax.Array]]:
    """Shift rings of words, of any shape: the left and the right neighbour of every cell."""
    last = (cells - 1) % _WORD  # the last cell's bit in the last word
    # Cell i's left neighbour is cell i - 1, one bit lower.
    carried = [(ring[-1] >> last) & 1, *(word >> (_WORD - 1) for word in ring[:-1])]
    left = [(word << 1) | low for word, low in zip(ring, carried, strict=True)]
    carried = [*(word << (_WORD - 1) for word in ring[1:]), (ring[0] & 1) << last]
    below = [*ring[:-1], ring[-1] & np.uint32(0xFFFFFFFF >> (_WORD - 1 - last))]
    return left, [(word >> 1) | high for word, high in zip(below, carried, strict=True)]


def _apply(masks: Masks, left: jax.Array, centre: jax.Array, right: jax.Array) -> jax.Array:
    """Apply the rule to whole words: seven choices, one per inner node of its table."""
    by_right = [choose(right, masks[i], masks[i + 1]) for i in (0, 2, 4, 6)]
    by_centre = [choose(centre, by_right[i], by_right[i + 1]) for i in (0, 2)]
    return choose(left, *by_centre)


def choose(bit: jax.Array, zero: jax.Array, one: jax.Array) -> jax.Array:
    """Choose between two words, bit by bit.

    Args:
        bit: word that decides.
        zero: taken where it is 0.
        one: taken where it is 1.
    """
    return zero ^ (bit & (zero ^ one))


def unpack(ring: Ring, cells: int) -> Int32[Array, "n tokens"]:
    """Unpack rings of words [*parts, n] uint32: [n, parts * cells] int32, the last part last."""
    shifts = jnp.arange(_WORD, dtype=jnp.uint32).reshape([1] * ring[0].ndim + [_WORD])
    words = [jnp.moveaxis(word, -1, 0)[..., None] for word in ring]
    bits = jnp.concatenate([(word >> shifts) & 1 for word in words], axis=-1)[..., :cells]
    return bits.reshape(len(bits), -1).astype(jnp.int32)


def pack(bits: Int32[Array, "n cells"]) -> Ring:
    """Pack rings of cells, 0 or 1, into words [n] uint32, as `unpack` takes them."""
    words = [bits[:, i : i + _WORD].astype(jnp.uint32) for i in range(0, bits.shape[1], _WORD)]
    shifts = jnp.arange(_WORD, dtype=jnp.uint32)[None]
    return tuple((w << shifts[:, : w.shape[1]]).sum(1, dtype=jnp.uint32) for w in words)


def rule_masks(rule: int) -> UInt32[np.ndarray, "8"]:
    """Expand a rule's table to words: all ones where the neighbourhood gives 1."""
    return np.array([0xFFFFFFFF * (rule >> i & 1) for i in range(8)], np.uint32)


def open_elementary_ca(config: ElementaryCA) -> Synthetic:
    """Open an automaton; its entropy rate is 0, as Y can be computed from X alone.

    With `pay: all` a sequence has the entropy of X: n bits without burn-in, or where the rule
    permutes the states of the ring, and else what is counted over all 2^n of them, up to n = 16; it
    is not known for larger rings. It does not depend on the order of X and Y. Only an observer
    without a bound on compute is sure to come near it, so it is no floor, though one that reads Y
    behind X may well learn a rule.
    """
    cells, states, pays_all = config.cells, config.states, config.pay == "all"
    masks = rule_masks(config.rule)
    nats = image_nats(config.rule, cells, config.burn_in) if pays_all else 0.0
    parts = [masks, cells, config.steps, config.burn_in]
    if pays_all or states > 1:  # runs that were stored before these keys keep their names
        parts += [states, config.pay]
    info = SourceInfo(
        vocab_size=2,
        length=(1 + states) * cells,
        label_mask=np.repeat([pays_all, True], [cells, states * cells]),
        fingerprint=fingerprint("elementary_ca", *parts),
        entropy_rate_nats=None if nats is None else nats / ((pays_all + states) * cells),
        rate_is_unbounded=True,
    )
    sampler = CASampler(cells, config.steps, config.burn_in, states=states)
    return Synthetic(info, sampler, jnp.asarray(masks))
