"""Resolve the members of a sweep: model, cost, identity, hyperparameters and row of each run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from epiplexity_jax.base.errors import ConfigError, EpiplexityError
from epiplexity_jax.engine.cohort_spec import sampling_passes
from epiplexity_jax.engine.microbatch import training_slice
from epiplexity_jax.engine.programs import ProgramKey
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.estimators.counting import CountingProgram
from epiplexity_jax.estimators.spec import Estimator
from epiplexity_jax.families.config import identity_fields
from epiplexity_jax.families.spec import (
    Cost,
    DeviceFamily,
    Family,
    HostFamily,
    SelfDescribed,
    Size,
)
from epiplexity_jax.resources.compiled_flops import compiled_cost
from epiplexity_jax.store.schema import TUNING
from epiplexity_jax.sweep.config import Recipe, Sweep
from epiplexity_jax.sweep.counting_trainer import CountingTrainer
from epiplexity_jax.sweep.dataset import Dataset
from epiplexity_jax.sweep.device_trainer import DeviceTrainer
from epiplexity_jax.sweep.identity import NUMERICS, identity_columns
from epiplexity_jax.sweep.recipe import own_batches
from epiplexity_jax.sweep.run_row import planned_row
from epiplexity_jax.sweep.run_spec import Program, Resize, RunSpec
from epiplexity_jax.sweep.trainer import Trainer

_COLUMNS = {"warmup_steps", "ema_growth", "max_kl"}  # of the store, beside rate and batch


@dataclass(frozen=True, kw_only=True)
class Resolved(Generic[Program]):
    """A model of one size on one source.

    Attributes:
        program: see `RunSpec`.
        cost: FLOPs per token as the config wants them counted.
        declared: the family's own count.
        flops_per_token: FLOPs of training, per input or label token.
        microbatch: sequences whose gradient is taken at once: the config's, or by rule.
        num_weight_sets: sets of weights that score the held-out data.
        resumable: whether its final state can be trained for more steps.
        values: what of it decides a run's numbers, beside the family's config.
        columns: what of it the store keeps, beside the columns of every run.
        notes: sentences for the reader of its results.
    """

    program: Program
    cost: Cost
    declared: Cost
    flops_per_token: float
    microbatch: int
    num_weight_sets: int
    resumable: bool
    values: Mapping[str, Any]
    columns: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resolver(ABC, Generic[Program]):
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

    @staticmethod
    @abstractmethod
    def trainer(runs: Mapping[str, RunSpec[Program]], sweep: Sweep, resize: Resize) -> Trainer:
        """Make the trainer of such runs.

        Args:
            runs: all runs of a sweep, by id.
            sweep: the config.
            resize: function from a run and a size to the same member with a model of that size.
        """

    @abstractmethod
    def _resolved(self, dataset: Dataset, size: Size, rate: float | None) -> Resolved[Program]: ...

    def run(self, dataset: Dataset, size: Size, rate: float | None, seed: int) -> RunSpec[Program]:
        """Resolve one member on one source.

        Args:
            dataset: the source.
            size: the model's size.
            rate: base learning rate; None for models that count.
            seed: the member's seed.

        Raises:
            ConfigError: when the size or the source does not suit the family.
        """
        estimator, recipe = self.estimator, self.recipe
        found = self._resolved(dataset, size, rate)
        variants = estimator.variants(dataset.info, self.counts)
        exact = "exact" in variants
        several = f", lr {rate:g}" if len(self.rates) > 1 and rate is not None else ""
        if len(own_batches(self.family)) > 1:
            several += f", batch {recipe.batch_size}"
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
            program=found.program,
            hyper=Hyperparameters(
                learning_rate=rate or recipe.learning_rate,
                warmup_steps=recipe.warmup_steps,
                **estimator.hyper(),
            ),
            columns=estimator.columns,
            stream_columns=estimator.stream_columns,
            exact=exact,
            resumable=self.sweep.training.keep_final_state and found.resumable,
            state_bytes=4 * found.cost.params * estimator.state_copies,
            flops=self._flops(dataset, found, exact),
            row=planned_row(self.sweep, dataset, size, found.cost, recipe)
            | identity_columns(self._identity(dataset, size, seed, found, exact))
            | {
                "notes": [*dataset.info.notes, *found.notes],
                "seed": seed,
                "data_order": dataset.stream(seed, recipe.batch_size).order,
                "role": self.role,
                "learning_rate": rate,
                **found.columns,
                "recipes": recipe.tried,
                "variant": estimator.config.variant or variants[0],
                "variants": list(variants),
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
        if layout.takes_turns:
            values["record_share"] = layout.record_share
        if exact:
            values["exact"] = True
        return values

    def _flops(self, dataset: Dataset, found: Resolved, exact: bool) -> float:
        """FLOPs of training and of what is scored at its end, by all weights."""
        recipe, task = self.recipe, dataset.task
        evaluate = found.cost.eval_flops_per_token
        tokens = recipe.steps * recipe.batch_size * task.total_tokens
        per_token = found.flops_per_token + (2 * evaluate if exact else 0.0)
        scored = found.num_weight_sets * dataset.layout.sequences * task.total_tokens
        return tokens * per_token + scored * evaluate


class DeviceResolver(Resolver[ProgramKey]):
    """Makes the runs of a device family."""

    family: DeviceFamily
    counts = False

    @property
    def rates(self) -> tuple[float | None, ...]:
        """See `Resolver`; a trial has the recipe's alone."""
        own = None if self.role == TUNING else self.family.learning_rates
        return own or (self.recipe.learning_rate,)

    @staticmethod
    def trainer(
        runs: Mapping[str, RunSpec[ProgramKey]], sweep: Sweep, resize: Resize
    ) -> DeviceTrainer:
        """See `Resolver`."""
        return DeviceTrainer(runs, sweep.training, resize)

    def _resolved(self, dataset: Dataset, size: Size, rate: float | None) -> Resolved[ProgramKey]:
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
                **self.estimator.identity(recipe.steps, self.counts),
            }
        }
        own = model if isinstance(model, SelfDescribed) else None
        if own and own.fingerprint:
            values["model"] = own.fingerprint
        if cost != model.cost or (own and own.states_cost):
            values["cost"] = [cost.train_flops_per_token, cost.eval_flops_per_token]
        method = self.estimator.method
        return Resolved(
            program=ProgramKey(model, method, microbatch),
            cost=cost,
            declared=model.cost,
            flops_per_token=self.estimator.flops_per_token(cost, sampling_passes(model)),
            microbatch=microbatch,
            num_weight_sets=method.num_weight_sets,
            resumable=self.estimator.resumable,
            values=values,
            columns=recipe.model_dump(include=_COLUMNS) | {"flops": training.flops},
            notes=own.notes if own else (),
        )


class CountingResolver(Resolver[CountingProgram]):
    """Makes the runs of a family that counts on the host."""

    family: HostFamily
    counts = True

    @property
    def rates(self) -> tuple[None]:
        """See `Resolver`."""
        return (None,)

    @staticmethod
    def trainer(
        runs: Mapping[str, RunSpec[CountingProgram]], sweep: Sweep, resize: Resize
    ) -> CountingTrainer:
        """See `Resolver`; counts of every size fit."""
        return CountingTrainer(runs)

    def _resolved(
        self, dataset: Dataset, size: Size, rate: float | None
    ) -> Resolved[CountingProgram]:
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
        batch, own = self.recipe.batch_size, self.estimator.identity(self.recipe.steps, True)
        return Resolved(
            program=program,
            cost=cost,
            declared=cost,
            flops_per_token=cost.train_flops_per_token,
            microbatch=batch,
            num_weight_sets=1,
            resumable=False,
            values={"training": {"batch_size": batch, **own}},
            columns={"flops": "declared"},
        )


def resolver_of(family: Family) -> type[Resolver[Any]]:
    """Choose, once a sweep, between devices and counting on the host."""
    return DeviceResolver if isinstance(family, DeviceFamily) else CountingResolver
