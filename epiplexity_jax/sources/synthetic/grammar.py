"""Commands of a small grammar and the actions they stand for, drawn on the device."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Key
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.keys import Seed, generator
from epiplexity_jax.sources.spec import DrawnTokens, SourceInfo, Synthetic


class Grammar(Config):
    """Compositional commands: translate them into actions, with combinations held out.

    A command is `clauses` clauses, each a primitive and a modifier: 'jump twice walk thrice'. It
    stands for each primitive's action as often as its modifier says, one clause after the other,
    then an end token up to the end of the sequence: 'JUMP JUMP WALK WALK WALK END'. SCAN (Lake and
    Baroni 2018) is of this form. Only actions and end tokens are paid for, and their entropy is 0.

    A share of the combinations of a primitive and a modifier is held out. `split: train` draws
    commands without them, `split: new_combinations` commands of nothing else, whose primitives and
    modifiers were all trained on, in other combinations. A learner of the rule needs the k
    primitives and the M modifiers, one that stores clauses all their combinations.
    """

    kind: Literal["grammar"] = "grammar"
    primitives: int = Field(default=8, ge=1, le=1024)
    """k, number of primitives, each of which has an action of its own."""
    modifiers: int = Field(default=3, ge=1, le=64)
    """M, number of modifiers: once, twice, up to M times."""
    clauses: int = Field(default=2, ge=1, le=64)
    """c, clauses of a command: a sequence has 2 c input tokens, then c M labels."""
    heldout_combinations: float = Field(default=0.25, ge=0, lt=1)
    """Share of the k M combinations that training does not draw, rounded to a whole number."""
    split: Literal["train", "new_combinations"] = "train"
    """Combinations that commands are made of: all but the held-out ones, or those alone."""
    table_seed: Seed = 0
    """Seed of which combinations are held out."""

    @model_validator(mode="after")
    def _options_are_used(self) -> "Grammar":
        if not num_heldout(self) and (self.split == "new_combinations" or self.table_seed):
            name = "split" if self.split == "new_combinations" else "table_seed"
            raise ValueError(f"{name}: no combination is held out; raise heldout_combinations")
        return self


class Combinations(NamedTuple):
    """Parameters of a grammar.

    Attributes:
        clauses: [k M] int32, numbers M primitive + repetitions - 1, held-out ones last.
        first: [] int32, start of the range that is drawn from.
        end: [] int32, its end.
    """

    clauses: jax.Array
    first: jax.Array
    end: jax.Array


@dataclass(frozen=True)
class GrammarSampler:
    """Draws commands and their actions; both splits share a program (see `Combinations`).

    Labels are actions 0 to k - 1 and the end token k; further input tokens are the primitives from
    k + 1 on, then the modifiers.
    """

    primitives: int
    modifiers: int
    clauses: int

    def __call__(self, parameters: Combinations, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, 2 c + c M] int32."""
        shape = (count, self.clauses)
        place = jax.random.randint(key, shape, parameters.first, parameters.end, jnp.int32)
        primitive, more = jnp.divmod(parameters.clauses[place], self.modifiers)
        begin = self.primitives + 1
        command = jnp.stack([primitive + begin, more + begin + self.primitives], 2)
        ends = jnp.cumsum(more + 1, axis=1)
        at = jnp.arange(self.clauses * self.modifiers)[None, :, None]
        clause = (at >= ends[:, None, :]).sum(axis=2)  # c behind the last action
        end = jnp.full((count, 1), self.primitives, jnp.int32)
        actions = jnp.take_along_axis(jnp.concatenate([primitive, end], 1), clause, axis=1)
        return jnp.concatenate([command.reshape(count, -1), actions], 1)


def open_grammar(config: Grammar) -> Synthetic:
    """Open a grammar; its entropy rate is 0, as actions are a function of the command.

    Raises:
        ConfigError: when so many combinations are held out that a primitive or a modifier would
            not be trained on.
    """
    clauses, held = combinations(config), num_heldout(config)
    trained = len(clauses) - held
    first, end = (0, trained) if config.split == "train" else (trained, len(clauses))
    inputs, labels = 2 * config.clauses, config.clauses * config.modifiers
    drawn = np.sort(clauses[first:end])
    how = (config.primitives, config.modifiers, config.clauses)
    info = SourceInfo(
        vocab_size=config.primitives + 1,
        input_vocab_size=2 * config.primitives + 1 + config.modifiers,
        length=inputs + labels,
        label_mask=np.repeat([False, True], [inputs, labels]),
        fingerprint=fingerprint("grammar", *how, drawn),
        entropy_rate_nats=0.0,
    )
    parameters = Combinations(jnp.asarray(clauses), jnp.int32(first), jnp.int32(end))
    return Synthetic(info, GrammarSampler(*how), parameters)


def num_heldout(config: Grammar) -> int:
    """Count the combinations that are held out."""
    return round(config.heldout_combinations * config.primitives * config.modifiers)


def combinations(config: Grammar) -> Int32[np.ndarray, " kM"]:
    """Order the combinations, held-out ones last (see `Combinations`).

    They are held out in a random order, but for those that are the last of their primitive or of
    their modifier.

    Raises:
        ConfigError: when fewer can be held out than asked for.
    """
    shape, held = (config.primitives, config.modifiers), num_heldout(config)
    drawn = generator(config.table_seed, "grammar", *shape)
    kept = np.ones(shape, bool)
    for number in drawn.permutation(kept.size).tolist():
        primitive, modifier = divmod(number, config.modifiers)
        left = kept.size - int(kept.sum())
        if left < held and kept[primitive].sum() > 1 and kept[:, modifier].sum() > 1:
            kept[primitive, modifier] = False
    if (left := kept.size - int(kept.sum())) < held:
        raise ConfigError(
            f"heldout_combinations: expected at most {left} of {kept.size} combinations, so that "
            f"all primitives and modifiers are trained on, got {held}; lower it"
        )
    return np.concatenate([np.flatnonzero(kept), np.flatnonzero(~kept)]).astype(np.int32)
