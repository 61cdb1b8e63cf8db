"""Resolve the members of a sweep: model, cost, identity, hyperparameters and row of each run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from epiplexity_jax.base.errors import ConfigError, EpiplexityError
from epiplexity_jax.engine.cohort_spec import sampling_passes
from epiplexity_jax.engine.microbatch import training_slice
from epiplexity_jax.engine.programs import ProgramKey
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.estimators.counting import CountingProgram
from epiplexity_jax.estimators.spec import Estimator
from epiplexity_jax.families.spec import (
    Cost,
    DeviceFamily,
    Family,
    HostFamily,
    Size,
    identity_fields,
)
from epiplexity_jax.resources.compiled_flops import compiled_cost
from epiplexity_jax.store.schema import TUNING
from epiplexity_jax.sweep.config import Recipe, Sweep
from epiplexity_jax.sweep.dataset import Dataset
from epiplexity_jax.sweep.identity import NUMERICS, identity_columns
from epiplexity_jax.sweep.run_row import planned_row
from epiplexity_jax.sweep.run_spec import RunSpec

_COLUMNS = {"warmup_steps", "ema_growth", "max_kl"}  # of the store, beside rate and batch


class Resolved(NamedTuple):
    """A model of one size on one source.

    Attributes:
        program: see `RunSpec`.
        cost: FLOPs per token as the config wants them counted.
        declared: the family's own count.
        flops_per_token: FLOPs of training, per input or label token.
        microbatch: sequences whose gradient is taken at once: the config's, or by rule.
        values: what of it decides a run's numbers, beside the family's config.
    """

    program: ProgramKey | CountingProgram
    cost: Cost
    declared: Cost
    flops_per_token: float
    microbatch: int
    values: Mapping[str, Any]


def _model_notes(program: ProgramKey | CountingProgram) -> tuple[str, ...]:
    """Notes of a model on itself, of which the user's own may have some."""
    return getattr(getattr(program, "model", None), "notes", ())


@dataclass(frozen=True)
class Resolver(ABC):
    """Makes the runs of a sweep that share a recipe.

    Attributes:
        estimator: the estimator, opened with the recipe's window and cap.
        recipe: the recipe by which they train.
        role: role of its runs, "member" or "tuning".
        platform: platform of the devices that will train.
        compute_dtype: type of the activations.
        counts: True if the family counts on the host, and needs no devices.
    """

    sweep: Sweep
    family: Any
    estimator: Estimator
    recipe: Recipe
    role: str
    platform: str
    compute_dtype: str
    counts: ClassVar[bool]

    @property
    @abstractmethod
    def rates(self) -> tuple[float | None, ...]:
        """Base learning rates, each a member of its own; None for counts."""

    @abstractmethod
    def _resolved(self, dataset: Dataset, size: Size, rate: float | None) -> Resolved: ...

    def run(self, dataset: Dataset, size: Size, rate: float | None, seed: int) -> RunSpec:
        """Resolve one member on one source.

        Args:
            dataset: the source.
            size: the model's size.
            rate: base learning rate; None for models that count.
            seed: the member's seed.

        Raises:
            ConfigError: when the size or the source does not suit the family.
        """
        training, estimator, recipe = self.sweep.training, self.estimator, self.recipe
        found = self._resolved(dataset, size, rate)
        variants = estimator.variants(dataset.info, self.counts)
        exact = "exact" in variants
        several = f", lr {rate:g}" if len(self.rates) > 1 and rate is not None else ""
        return RunSpec(
            label=f"{dataset.name}, {size}{several}, seed {seed}",
            dataset=dataset,
            size=size,
            learning_rate=rate,
            seed=seed,
            cost=found.cost,
            declared=found.declared,
            batch_size=recipe.batch_size,
            steps=recipe.steps,
            iterations=estimator.iterations(recipe.steps),
            microbatch=found.microbatch,
            resolve=lambda other: self.run(dataset, other, rate, seed),
            program=found.program,
            hyper=Hyperparameters(
                learning_rate=rate or recipe.learning_rate,
                warmup_steps=recipe.warmup_steps,
                **estimator.hyper(),
            ),
            columns=estimator.columns,
            stream_columns=estimator.stream_columns,
            exact=exact,
            resumable=training.keep_final_state and estimator.resumable and not self.counts,
            state_bytes=4 * found.cost.params * estimator.state_copies,
            flops=self._flops(dataset, found, exact),
            row=planned_row(self.sweep, dataset, size, found.cost, recipe)
            | identity_columns(self._identity(dataset, size, seed, found, exact))
            | {
                "notes": [*dataset.info.notes, *_model_notes(found.program)],
                "seed": seed,
                "data_order": dataset.stream(seed, recipe.batch_size).order,
                "role": self.role,
                "learning_rate": rate,
                **({} if self.counts else recipe.model_dump(include=_COLUMNS)),
                "recipes": recipe.tried,
                "variant": estimator.config.variant or variants[0],
                "variants": list(variants),
                "flops": "declared" if self.counts else training.flops,
            },
        )

    def _identity(
        self, dataset: Dataset, size: Size, seed: int, found: Resolved, exact: bool
    ) -> dict[str, Any]:
        sweep, layout = self.sweep, dataset.layout
        values: dict[str, Any] = {
            "numerics": NUMERICS,
            "source": dataset.source.info.fingerprint,
            "family": identity_fields(sweep.family),
            "size": str(size),
            "seed": seed,
            "estimator": sweep.estimator.model_dump()["kind"],
            "heldout": [layout.blocks, layout.per_block, layout.eval_batches],
            "root": sweep.seed,
            "steps": self.recipe.steps,
            **found.values,
            **dataset.identity(),
        }
        if found.cost != found.declared or getattr(sweep.family, "flops_per_token", None):
            values["cost"] = [found.cost.train_flops_per_token, found.cost.eval_flops_per_token]
        if exact:
            values["exact"] = True
        return values

    def _flops(self, dataset: Dataset, found: Resolved, exact: bool) -> float:
        """FLOPs of training and of what is scored at its end, by all weights."""
        recipe, task = self.recipe, dataset.task
        evaluate = found.cost.eval_flops_per_token
        tokens = recipe.steps * recipe.batch_size * task.total_tokens
        per_token = found.flops_per_token + (2 * evaluate if exact else 0.0)
        weight_sets = 1 if self.counts else self.estimator.method.num_weight_sets
        scored = weight_sets * dataset.layout.sequences * task.total_tokens
        return tokens * per_token + scored * evaluate


class DeviceResolver(Resolver):
    """Makes the runs of a device family."""

    family: DeviceFamily
    counts = False

    @property
    def rates(self) -> tuple[float | None, ...]:
        """See `Resolver`; a trial has the recipe's alone."""
        own = None if self.role == TUNING else self.family.learning_rates
        return own or (self.recipe.learning_rate,)

    def _resolved(self, dataset: Dataset, size: Size, rate: float | None) -> Resolved:
        training, recipe = self.sweep.training, self.recipe
        ruled = training_slice(recipe.batch_size, dataset.task, self.platform == "cpu")
        microbatch = training.microbatch or ruled
        model = self.family.model(size, dataset.task, self.compute_dtype, self.platform)
        compiled = training.flops == "compiled"
        cost = compiled_cost(model, microbatch) if compiled else model.cost
        values: dict[str, Any] = {
            "training": {
                "batch_size": recipe.batch_size,
                "warmup_steps": recipe.warmup_steps,
                "microbatch": microbatch,
                "learning_rate": rate,
                "compute_dtype": self.compute_dtype,
                **self.estimator.identity(recipe.steps),
            }
        }
        if fingerprint := getattr(model, "fingerprint", None):
            values["model"] = fingerprint  # of models that a config cannot tell apart
        program = ProgramKey(model, self.estimator.method, microbatch)
        per_token = self.estimator.flops_per_token(cost, sampling_passes(model))
        return Resolved(program, cost, model.cost, per_token, microbatch, values)


class CountingResolver(Resolver):
    """Makes the runs of a family that counts on the host."""

    family: HostFamily
    counts = True

    @property
    def rates(self) -> tuple[None]:
        """See `Resolver`."""
        return (None,)

    def _resolved(self, dataset: Dataset, size: Size, rate: float | None) -> Resolved:
        if self.sweep.training.flops == "compiled":
            raise ConfigError(
                f"training.flops: a {self.family.kind} family counts on the host and has no "
                "compiled program; use declared"
            )
        program = CountingProgram(self.family, size, dataset.task)
        try:
            cost = program.coder().cost
        except EpiplexityError as error:
            raise type(error)(f"sources.{dataset.name}: {error}") from None
        own = self.estimator.identity(self.recipe.steps)
        own.pop("ema")  # counts have no averages
        values = {"training": {"batch_size": self.recipe.batch_size, **own}}
        per_token = cost.train_flops_per_token
        return Resolved(program, cost, cost, per_token, self.recipe.batch_size, values)


def resolver_of(family: Family) -> type[Resolver]:
    """Choose, once a sweep, between devices and counting on the host."""
    return DeviceResolver if isinstance(family, DeviceFamily) else CountingResolver
