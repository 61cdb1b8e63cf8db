"""Recipes: the values by which a member trains that its size does not fix, and which are free."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.estimators.config import EMA_GROWTH, EstimatorConfig
from epiplexity_jax.estimators.registry import open_estimator
from epiplexity_jax.estimators.spec import Estimator
from epiplexity_jax.families.spec import DeviceFamily, Family
from epiplexity_jax.store.schema import MEMBER, TUNING
from epiplexity_jax.sweep.config import PUBLISHED_BATCH, Recipe, Sweep, Training

PUBLISHED_RATE, PUBLISHED_WARMUP = 0.03, 100
TUNABLE = ("learning_rate", "warmup_steps", "batch_size")
"""Values of a recipe that stand in `training`; those of the estimator are its own `TUNABLE`."""


@dataclass(frozen=True)
class Recipes:
    """Recipes of a sweep's sources: those given or chosen, and what is left to tune.

    Attributes:
        training, estimator: sections of the config.
        rates: the family's own learning rates, each a member of its own; None where it has none.
        batches: the family's own batches, likewise; empty where it has none.
        tunes: True if what the sections leave out is to be tuned.
        chosen: recipes by source that take the place of tuning.
    """

    training: Training
    estimator: EstimatorConfig
    rates: tuple[float, ...] | None
    batches: tuple[int, ...]
    tunes: bool
    chosen: Mapping[str, Recipe]

    @classmethod
    def of(cls, sweep: Sweep, family: Family) -> "Recipes":
        """Make the recipes of a config; of a family that counts nothing is tuned.

        Args:
            sweep: the config.
            family: its family.

        Raises:
            ConfigError: when the config's learning rate is not one of the family's own.
        """
        device = isinstance(family, DeviceFamily)
        rates, rate = family.learning_rates if device else None, sweep.training.learning_rate
        if rates and rate is not None and rate not in rates:
            raise ConfigError(
                f"training.learning_rate: the family has learning rates of its own, "
                f"{', '.join(f'{own:g}' for own in rates)}, without {rate:g}; leave "
                "it out, or set the family's learning_rates to null"
            )
        return cls(
            sweep.training,
            sweep.estimator,
            rates=rates,
            batches=own_batches(family),
            tunes=device and sweep.recipe == "tuned",
            chosen=sweep.recipes,
        )

    @cached_property
    def given(self) -> Recipe:
        """The values that a config gives, and the published ones in place of the others.

        Of a family with several rates or batches, trials take the middle one.
        """
        batches = sorted(self.batches)
        return with_batch(self._plain, batches[len(batches) // 2]) if batches else self._plain

    @cached_property
    def _plain(self) -> Recipe:
        """The same with the config's batch, of which its steps count."""
        training, own = self.training, self.estimator.tunable_values()
        warmup, rates = training.warmup_steps, self.rates
        usual = sorted(rates)[len(rates) // 2] if rates else PUBLISHED_RATE
        return Recipe(
            learning_rate=training.learning_rate or usual,
            warmup_steps=PUBLISHED_WARMUP if warmup is None else warmup,
            batch_size=training.batch_size or PUBLISHED_BATCH,
            steps=training.steps,
            ema_growth=own.get("ema_growth") or EMA_GROWTH,
            max_kl=own.get("max_kl"),
        )

    @cached_property
    def free(self) -> tuple[str, ...]:
        """Names of the values that are left to tune."""
        if not self.tunes:
            return ()
        given = {name: getattr(self.training, name) for name in TUNABLE}
        given |= self.estimator.tunable_values()
        if self.rates and given["learning_rate"] is None:
            del given["learning_rate"]
        if self.batches:
            del given["batch_size"]
        return tuple(name for name, value in given.items() if value is None)

    def of_source(self, source: str) -> Recipe:
        """The recipe of a source's members: the one chosen for it, or the config's."""
        return self.chosen.get(source) or self.given

    def of_members(self, source: str) -> list[Recipe]:
        """The recipes of a source's members: one, or one for each of the family's own batches."""
        own, plain = self.of_source(source), self._plain
        if not self.batches:
            return [own]
        read = {"batch_size": plain.batch_size, "steps": plain.steps}
        return [with_batch(own.model_copy(update=read), batch) for batch in self.batches]

    def open_estimator(self, recipe: Recipe, role: str = MEMBER) -> Estimator:
        """Open the estimator with a recipe's window and cap.

        Args:
            recipe: the recipe of the members that it codes.
            role: role of these members; a trial takes no more iterations where its teacher waits,
                so that all recipes are compared at one compute.
        """
        config = self.estimator.with_values(recipe.model_dump())
        return open_estimator(config.for_trial(recipe.steps) if role == TUNING else config)

    def check(self, source: str, recipe: Recipe) -> None:
        """Refuse a recipe that the config cuts in a way that its batch does not allow.

        Args:
            source: name of the recipe's source.
            recipe: the recipe to check.

        Raises:
            ConfigError: naming the key.
        """
        microbatch = self.training.microbatch
        if microbatch is not None and recipe.batch_size % microbatch:
            raise ConfigError(
                f"training.microbatch: {microbatch} does not divide {recipe.batch_size}, the batch "
                f"of source {source!r}; leave one of them out"
            )


def own_batches(family: Family) -> tuple[int, ...]:
    """The batches that a family lists as members of their own; families need not have any."""
    return tuple(getattr(family, "batch_sizes", None) or ())


def with_batch(recipe: Recipe, batch_size: int) -> Recipe:
    """A recipe with another batch that reads the same tokens, or less than a batch fewer."""
    steps = max(recipe.steps * recipe.batch_size // batch_size, 1)
    return recipe.model_copy(update={"batch_size": batch_size, "steps": steps})
