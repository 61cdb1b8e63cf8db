"""Questions that are answered twice: does a second answer follow from the first?"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.extend.random
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, Key, UInt32
from pydantic import Field, model_validator

from epiplexity_jax.base import hash_rng, keys
from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.keys import Seed
from epiplexity_jax.sources.spec import DrawnTokens, SourceInfo, Synthetic
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats

_WORD = 32
_SHARPNESS = 2.0
Words = UInt32[Array, "2 n"]


class Pairs(Config):
    """Second-order pairs: uniform bits x, and two answers y1 and y2 to them (Johnson et al. 2024).

    A sequence is x, y1, y2, of which the answers are paid for. Two answers separate what one does
    not: chance, and what an observer does not know. The gap H(y2 | x) - H(y2 | x, y1), in bits, is
    what the first answer says about the second one.

    `coin`: y1 and y2 are independent fair coins. Each costs 1 bit, and the gap is 0.

    `prg`: y1 = y2 is a bit of Threefry of x under a key. A bounded observer does not find the key:
    y1 costs it 1 bit as a coin does, y2 nothing, so the gap is 1. With the key both cost nothing.
    With few `inputs` the function can be learnt by heart, as every x comes again and again.

    `teacher`: y1 and y2 are independent draws, each 1 with a probability p(x) that can be learnt.
    To an observer that knows nothing of p each costs 1 bit, and the gap is 1 - h(q), where h is the
    entropy of a coin and q the mean of p^2 + (1 - p)^2. To one that knows p each costs the mean of
    h(p), and the gap is 0.
    """

    kind: Literal["pairs"] = "pairs"
    answers: Literal["coin", "prg", "teacher"]
    """Origin of the answers: chance, a pseudorandom function, or chance with a learnable bias."""
    inputs: int = Field(default=32, ge=1, le=2 * _WORD)
    """n, bits of x."""
    second: bool = True
    """False leaves y2 out: H(y1 | x) alone, which is equal to H(y2 | x)."""
    key_seed: Seed | None = None
    """Seed of the key of `prg`, and of the bits that `teacher` flips; default 0."""
    sharpness: float | None = Field(default=None, gt=0, le=1000, allow_inf_nan=False)
    """s of `teacher`, p(x) = 1 / (1 + exp(-s v / sqrt(n))), where v is the number of ones less that
    of zeros after a fixed half or so of the bits are flipped; default 2."""

    @model_validator(mode="after")
    def _options_are_of_the_answers(self) -> "Pairs":
        if self.answers == "coin" and self.key_seed is not None:
            raise ValueError("key_seed: expected none, as a coin has no key; leave it out")
        if self.answers != "teacher" and self.sharpness is not None:
            raise ValueError(
                f"sharpness: expected none, as answers is {self.answers}; leave it out"
            )
        return self


class PairTables(NamedTuple):
    """Values of the function that answers; those of other kinds of answers are not read.

    Attributes:
        key: [2] uint32, key of the pseudorandom function.
        flips: [n] int32, the bits of x that the teacher flips.
        ones: [n + 1] float32, p(x) by the number of ones after that.
    """

    key: jax.Array
    flips: jax.Array
    ones: jax.Array


@dataclass(frozen=True)
class PairSampler:
    """Draws x and its answers (see `spec.Sampler`)."""

    answers: str
    inputs: int
    second: bool

    def __call__(self, parameters: PairTables, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, n + 2] int32, or [count, n + 1] without the second answer."""
        kept = [(1 << max(0, min(_WORD, self.inputs - first))) - 1 for first in (0, _WORD)]
        words = jax.random.bits(keys.key(key, "x"), (2, count), jnp.uint32)
        words = words & np.array(kept, np.uint32)[:, None]
        places = np.arange(self.inputs)
        x = (words[places // _WORD] >> (places % _WORD).astype(np.uint32)[:, None]) & 1
        x = x.astype(jnp.int32).T
        if self.answers == "prg":
            bit = keyed_bit(parameters.key, words)
            y = jnp.stack([bit, bit], axis=1)
        else:
            chance = jnp.full((count,), 0.5)
            if self.answers == "teacher":
                chance = parameters.ones[(x ^ parameters.flips[None]).sum(axis=1)]
            drawn = jax.random.uniform(keys.key(key, "answers"), (count, 2))
            y = drawn < chance[:, None]
        return jnp.concatenate([x, y[:, : 1 + self.second].astype(jnp.int32)], axis=1)


def keyed_bit(key: UInt32[Array, "2"], words: Words) -> UInt32[Array, " n"]:
    """Take the lowest bit of the first word of Threefry-2x32 of each x, two words of its bits."""
    made = jax.extend.random.threefry_2x32(key, words.reshape(-1))
    return made.reshape(words.shape)[0] & 1


def teacher_probabilities(inputs: int, sharpness: float) -> Float64[np.ndarray, " ones"]:
    """Probability p of a 1 for each number of ones among the flipped bits of x, [n + 1]."""
    votes = 2 * np.arange(inputs + 1) - inputs
    return 1 / (1 + np.exp(-sharpness * votes / math.sqrt(inputs)))


def open_pairs(config: Pairs) -> Synthetic:
    """Open pairs; their entropy rate is that of an observer without bounds, per answer.

    It is 1 bit for `coin`. It is 0 for `prg`, where it is no floor: only an observer that tries all
    keys comes near. For `teacher` it is the mean of h(p(x)), exact, as the number of ones is
    binomial.
    """
    inputs, seed = config.inputs, config.key_seed or 0
    sharpness = config.sharpness or _SHARPNESS
    places = np.arange(inputs)
    key = hash_rng.bits(seed, "pairs key", np.arange(2)).astype(np.uint32)
    flips = hash_rng.below(2, seed, "pairs teacher", places).astype(np.int32)
    ones = teacher_probabilities(inputs, sharpness)
    nats = {"coin": math.log(2), "prg": 0.0, "teacher": _mean_nats(ones)}[config.answers]
    answers = 1 + config.second
    own = {"coin": (), "prg": (key,), "teacher": (flips, ones)}[config.answers]
    info = SourceInfo(
        vocab_size=2,
        length=inputs + answers,
        label_mask=np.repeat([False, True], [inputs, answers]),
        fingerprint=fingerprint("pairs", config.answers, inputs, config.second, *own),
        entropy_rate_nats=nats,
        rate_is_unbounded=config.answers == "prg",
    )
    tables = PairTables(*map(jnp.asarray, (key, flips, ones.astype(np.float32))))
    return Synthetic(info, PairSampler(config.answers, inputs, config.second), tables)


def _mean_nats(ones: Float64[np.ndarray, " ones"]) -> float:
    """Mean entropy of an answer, nats, over binomial numbers of ones."""
    inputs = len(ones) - 1
    weights = np.array([math.comb(inputs, k) / 2**inputs for k in range(inputs + 1)])
    return float(weights @ entropy_nats(np.stack([ones, 1 - ones], axis=1)))
