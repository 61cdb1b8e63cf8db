"""Conway's Game of Life on a torus, evolved on the device with 32 cells to a machine word."""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, UInt32
from pydantic import Field, field_validator, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.sources.spec import DrawnTokens, SourceInfo, Synthetic, check_tokens
from epiplexity_jax.sources.synthetic.automata import (
    MOST_EVOLVED,
    Ring,
    check_states,
    choose,
    neighbours,
    states_behind,
    unpack,
)

_WORD = 32
_COUNTS = 9  # 0 to 8 living neighbours
_DIGITS = 32  # binary digits of a density
Words = UInt32[Array, "rows n"]


class Life(Config):
    """Game of Life on a torus: predict the grid `steps` steps after a random one.

    A sequence is [X; Y], grids of cells row by row: a cell of X lives with the probability
    `density`, whatever the others do, and Y is the grid `steps` steps later. In a step a cell with
    three living neighbours among its eight is born, and one with two or three survives.

    Y is a function of X, so an observer without a bound on compute needs 0 bits for it; the
    measurement is of the bits that a bounded one needs. A model that sees no context pays h2(p)
    bits per cell, where p is the share of living cells. At density 0.5, p is 0.27344 after a step,
    then 0.2532, 0.2504 and 0.2381.

    `states: l` puts the grids in between into the sequence, [X; S_1; ..; S_l], whose last is the Y
    of `states: 1`. All of them are paid for, and each is a function of the one before it.

    All rules of a sweep with equal `rows`, `columns`, `steps` and `states` train together in one
    compiled program, and all densities of equally many binary digits. Drawing is fast where these
    are few: 4096 grids of 16 x 16 cells and those 4 steps later take 0.6 to 1.1 ms on two CPU cores
    at density 0.5, and 6 to 7 ms at 0.3, which has 32 digits (benchmarks/life.py).
    """

    kind: Literal["life"] = "life"
    rule: str = "B3/S23"
    """Numbers of living neighbours with which a cell is born (B) and with which it survives (S)."""
    rows: int = Field(default=16, ge=3)
    """Rows of the torus."""
    columns: int = Field(default=16, ge=3)
    """Columns; a sequence is (1 + states) x rows x columns tokens, at most 1,048,576."""
    density: float = Field(default=0.5, gt=0, le=1)
    """Probability that a cell of X lives, taken to the nearest multiple of 2^-32."""
    steps: int = Field(default=4, ge=1, le=MOST_EVOLVED)
    """Steps from X to Y; only the grids behind X are paid for."""
    states: int = Field(default=1, ge=1)
    """Grids behind X, equally spaced in time, of which Y is the last; a divisor of `steps`."""

    @field_validator("rule")
    @classmethod
    def _rule_is_like_lifes(cls, rule: str) -> str:
        if not re.fullmatch("B[0-8]*/S[0-8]*", rule):
            raise ValueError(
                "expected B and S with numbers of neighbours from 0 to 8, such as B3/S23, "
                f"got {rule!r}"
            )
        return rule

    @model_validator(mode="after")
    def _states_are_equally_spaced_and_not_too_long(self) -> "Life":
        check_states(self.steps, self.states)
        check_tokens("rows", (1 + self.states) * self.rows * self.columns)
        return self


class LifeRule(NamedTuple):
    """Parameters of a drawn grid.

    Attributes:
        masks: [18] uint32, entry 9 centre + neighbours is all ones where the cell lives on.
        density: [digits - 1] uint32, binary digits of the density from the second lowest that
            counts to the highest, all ones for a 1.
    """

    masks: jax.Array
    density: jax.Array


@dataclass(frozen=True)
class LifeSampler:
    """Draws [X; S_1; ..; S_l]; rule and density are values (see `spec.Sampler`).

    Rows are packed 32 cells to a word, as an elementary automaton's rings are. `digits` binary
    digits of the density count, each of which takes a random bit per cell; a density of 1 has none.
    """

    rows: int
    columns: int
    steps: int
    digits: int = 1
    states: int = 1

    def __call__(self, parameters: LifeRule, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, (1 + states) * rows * columns] int32."""
        columns = self.columns
        x = tuple(self._start(parameters.density, key, count))
        behind = states_behind(
            x, lambda grid: evolve_grid(grid, parameters.masks, columns), self.steps, self.states
        )
        return jnp.concatenate([unpack(x, columns), unpack(behind, columns)], 1)

    def _start(
        self, density: UInt32[Array, " _"], key: Key[Array, ""], count: int
    ) -> UInt32[Array, "words rows n"]:
        """Draw living cells: with 0.d1 d2 .. dk in binary, from dk = 1 up, P' = (d + P) / 2."""
        shape = (-(-self.columns // _WORD), self.rows, count)
        if not self.digits:
            return jnp.full(shape, 0xFFFFFFFF, jnp.uint32)

        def add(living: jax.Array, each: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            digit, drawn = each[0], jax.random.bits(each[1], shape, jnp.uint32)
            return living & (drawn | digit) | drawn & digit, None  # or where it is 1, else and

        # A rolled loop: all digits in one expression are slow to compile and to draw.
        keys = jax.random.split(key, self.digits)
        lowest = jax.random.bits(keys[0], shape, jnp.uint32)
        return jax.lax.scan(add, lowest, (density, keys[1:]))[0]


def evolve_grid(grid: tuple[Words, ...], masks: UInt32[Array, "18"], columns: int) -> Ring:
    """Evolve grids of cells by one step.

    Args:
        grid: words of shape [rows, n] uint32; bit b of word w is column 32 w + b of n samples. Bits
            behind the last column do not matter.
        masks: [18] uint32 (see `LifeRule`).
        columns: columns of a grid.

    Returns:
        The next state, like `grid`.
    """
    left, right = neighbours(grid, columns)
    return tuple(
        _apply(masks, word, _count(*each))
        for word, each in zip(grid, zip(left, grid, right, strict=True), strict=True)
    )


def _count(left: Words, centre: Words, right: Words) -> tuple[Words, ...]:
    """Count the eight neighbours by adders on whole words: four binary digits, lowest first."""
    ones, twos = _add(left, centre, right)
    above, below = (tuple(jnp.roll(part, by, 0) for part in (ones, twos)) for by in (1, -1))
    first, carried = _add(above[0], below[0], left ^ right)
    half, fours = _add(above[1], below[1], left & right)
    second, more = half ^ carried, half & carried
    return first, second, fours ^ more, fours & more


def _add(a: Words, b: Words, c: Words) -> tuple[Words, Words]:
    """Add three bits: the sum's lower and upper digit."""
    either = a ^ b
    return either ^ c, (a & b) | (c & either)


def _apply(masks: UInt32[Array, "18"], centre: Words, digits: tuple[Words, ...]) -> Words:
    """Look up the number of neighbours in the tables of dead and of living cells."""

    def look_up(table: list[jax.Array]) -> jax.Array:
        for digit in digits[:-1]:  # pairs of the eight entries that the digit tells apart
            pairs = zip(table[:-1:2], table[1:-1:2], strict=True)
            table = [*(choose(digit, zero, one) for zero, one in pairs), table[-1]]
        return choose(digits[-1], *table)

    return choose(centre, look_up(list(masks[:_COUNTS])), look_up(list(masks[_COUNTS:])))


def life_masks(rule: str) -> UInt32[np.ndarray, "18"]:
    """Expand a rule to words: all ones where a cell lives on, dead ones first."""
    born, survives = rule.removeprefix("B").split("/S")
    lives = [str(count) in part for part in (born, survives) for count in range(_COUNTS)]
    return np.where(lives, np.uint32(0xFFFFFFFF), np.uint32(0))


def density_digits(density: float) -> tuple[int, UInt32[np.ndarray, " _"]]:
    """Find how many binary digits of a density count, and all but the lowest as masks."""
    parts = max(1, round(density * (1 << _DIGITS)))
    count = _DIGITS
    while parts % 2 == 0 and count:
        parts, count = parts // 2, count - 1
    digits = [0xFFFFFFFF * (parts >> place & 1) for place in range(1, count)]
    return count, np.array(digits, np.uint32)


def open_life(config: Life) -> Synthetic:
    """Open a game; its entropy rate is 0, as Y can be computed from X alone."""
    cells, states = config.rows * config.columns, config.states
    masks, (digits, density) = life_masks(config.rule), density_digits(config.density)
    shape = (config.rows, config.columns, config.steps)
    info = SourceInfo(
        vocab_size=2,
        length=(1 + states) * cells,
        label_mask=np.repeat([False, True], [cells, states * cells]),
        fingerprint=fingerprint("life", masks, *shape, states, digits, density),
        entropy_rate_nats=0.0,
        rate_is_unbounded=True,
    )
    parameters = LifeRule(jnp.asarray(masks), jnp.asarray(density))
    return Synthetic(info, LifeSampler(*shape, digits, states), parameters)
