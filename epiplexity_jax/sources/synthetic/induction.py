"""Hidden-bit induction: a cellular automaton whose model is not shown all of its start."""

import math
from typing import Literal

import jax.numpy as jnp
import numpy as np
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.sources.spec import SourceInfo, Synthetic, check_tokens
from epiplexity_jax.sources.synthetic.automata import MOST_EVOLVED, CASampler, rule_masks


class Induction(Config):
    """Hidden-bit induction: predict an automaton's state from a start with some bits hidden."""

    kind: Literal["induction"] = "induction"
    rule: int = Field(default=30, ge=0, le=255)
    """Wolfram's number of the rule."""
    cells: int = Field(default=32, ge=3)
    """Cells of the ring; X is uniform random bits on it, Y the state after `steps` steps."""
    steps: int = Field(default=4, ge=1, le=MOST_EVOLVED)
    """Steps from X to Y; only Y is paid for."""
    hidden: int = Field(default=4, ge=0)
    """h, the first bits of X, which the model does not see: a sequence is [X without them; Y]."""

    @model_validator(mode="after")
    def _something_is_visible_and_not_too_long(self) -> "Induction":
        if self.hidden >= self.cells:
            raise ValueError(
                f"hidden: must be less than cells, which is {self.cells}, got {self.hidden}"
            )
        check_tokens("cells", 2 * self.cells - self.hidden)
        return self


def is_left_permutive(rule: int) -> bool:
    """Return whether the left neighbour always decides: f(0, c, r) != f(1, c, r) for all c and r.

    >>> is_left_permutive(30), is_left_permutive(110)
    (True, False)
    """
    return (rule >> 4 & 15) ^ (rule & 15) == 15


def open_induction(config: Induction) -> Synthetic:
    """Open the task of Finzi et al. 2026. Its entropy is known where hidden bits can be found.

    That is where the rule is left-permutive, such as 30, f(l, c, r) = l xor g(c, r), and
    hidden + 2 steps <= cells. Y[i] is then X[i - steps] xor a function of
    X[i - steps + 1 .. i + steps], which on the ring are 2 steps other cells. So, with a hidden bit
    or more, Y[hidden - 1 + steps] and the visible cells hidden .. hidden + 2 steps - 1 give
    X[hidden - 1], and so on down to X[0]: given the visible bits, Y is a one-to-one function of the
    uniform hidden ones, and its entropy is `hidden` bits. It is 0 where none is hidden.
    """
    cells, hidden = config.cells, config.hidden
    masks = rule_masks(config.rule)
    solvable = is_left_permutive(config.rule) and hidden + 2 * config.steps <= cells
    info = SourceInfo(
        vocab_size=2,
        length=2 * cells - hidden,
        label_mask=np.repeat([False, True], [cells - hidden, cells]),
        fingerprint=fingerprint("induction", masks, cells, config.steps, hidden),
        entropy_rate_nats=hidden * math.log(2) / cells if solvable or hidden == 0 else None,
    )
    sampler = CASampler(cells, config.steps, hidden=hidden)
    return Synthetic(info, sampler, jnp.asarray(masks))
