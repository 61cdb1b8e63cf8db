"""What a sweep will train: runs and their identities, cohorts of equal shapes, waves."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from epiplexity_jax.base.errors import ConfigError, EpiplexityError
from epiplexity_jax.engine.heldout import HeldoutLayout, heldout_layout
from epiplexity_jax.engine.microbatch import training_slice
from epiplexity_jax.engine.stream import Stream, heldout_tokens
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.families.spec import (
    Cost,
    DeviceFamily,
    Family,
    HostFamily,
    Size,
    Task,
    task_for,
)
from epiplexity_jax.resources.compiled_flops import compiled_cost
from epiplexity_jax.sources.kinds import open_source
from epiplexity_jax.sources.spec import Batch, HostSource, Source
from epiplexity_jax.sources.split import Split, heldout_sequences
from epiplexity_jax.sweep.config import Requential, Sweep

# Raised when the numbers of an unchanged config change, so that old runs are not taken over.
NUMERICS = 3
# A member's own size, learning rate, seed and cost stand for these.
_SIZES = {"widths", "depths", "orders", "names"}
_NOT_IDENTITY = _SIZES | {"learning_rates", "seeds", "flops_per_token"}
_ITERATIONS_PER_STEP = 4  # before a run ends whose requential teacher waits


@dataclass(frozen=True, eq=False)
class Dataset:
    """A source opened for a sweep: what its models must fit, split, its held-out set cut.

    `microbatch` is the config's, or what suits this source's sequences.
    """

    name: str
    source: Source
    task: Task
    split: Split | None
    layout: HeldoutLayout
    root: int
    microbatch: int

    @property
    def entropy_rate_nats(self) -> float | None:
        """The source's, where the family scores all of its labels."""
        whole = self.task.label_tokens == self.source.info.label_tokens
        return self.source.info.entropy_rate_nats if whole else None

    def stream(self, seed: int, batch_size: int) -> Stream:
        """Training batches for a member's seed."""
        return Stream(self.source, self.split, self.root, seed, batch_size)

    def heldout(self) -> Batch:
        """The held-out set: [tiles, S, ...]."""
        layout = self.layout
        drawn = heldout_tokens(self.source, self.split, self.root, layout.sequences)
        return jax.tree.map(lambda x: x.reshape(layout.tiles, layout.tile, *x.shape[1:]), drawn)


@dataclass(frozen=True)
class Run:
    """One member on one source.

    Attributes:
        run_id: hash of all that decides the run's numbers.
        lineage: the same without the number of steps; a longer run continues a shorter one.
        dataset: its source.
        size: of its model.
        learning_rate: base learning rate; None for counts.
        seed: of the member.
        cost: of its model; `declared` is the family's own count where the compiler's is used.
        steps: to train.
        variants: which its history allows; the first is the default.
    """

    run_id: str
    lineage: str
    dataset: Dataset
    size: Size
    learning_rate: float | None
    seed: int
    cost: Cost
    declared: Cost
    steps: int
    variants: tuple[str, ...]
    several_rates: bool = False

    @property
    def cohort(self) -> Any:
        """What fixes the shapes of its programs: equal for runs that may train side by side."""
        return self.size, self.dataset.task, self.dataset.layout, self.exact

    @property
    def exact(self) -> bool:
        """Whether the final model scores the training data again."""
        return "exact" in self.variants

    @property
    def label(self) -> str:
        """Source, size, learning rate where there are several, and seed: for messages."""
        rate = f", lr {self.learning_rate:g}" if self.several_rates else ""
        return f"{self.dataset.name}, {self.size}{rate}, seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """A validated sweep."""

    sweep: Sweep
    family: Family
    datasets: tuple[Dataset, ...]
    runs: tuple[Run, ...]
    compute_dtype: str


def make_plan(sweep: Sweep, on_cpu: bool) -> Plan:
    """Open the sources, check that they last for all steps, and name every run.

    Raises:
        ConfigError: on an impossible combination.
        DataError: on a source that is missing, wrong or too short.
    """
    family = open_family(sweep.family)
    dtype = sweep.training.compute_dtype
    if dtype == "auto":
        dtype = "float32" if on_cpu else "bfloat16"
    datasets = tuple(_open(name, sweep, family, on_cpu) for name in sweep.sources)
    _check_estimator(sweep, family, datasets)
    rates: tuple[float | None, ...] = (None,)
    if isinstance(family, DeviceFamily):
        rates = family.learning_rates or (sweep.training.learning_rate,)
    runs = tuple(
        _run(sweep, family, dataset, Member(size, rate, seed, len(rates) > 1), dtype)
        for size in family.sizes()
        for rate in rates
        for dataset in datasets
        for seed in range(family.seeds)
    )
    return Plan(sweep, family, datasets, runs, dtype)


def _check_estimator(sweep: Sweep, family: Family, datasets: Sequence[Dataset]) -> None:
    """Refuse a variant or a floor that some source or the family does not allow.

    Raises:
        ConfigError: with the reason.
    """
    variant, floor = sweep.estimator.variant, sweep.estimator.floor
    if isinstance(sweep.estimator, Requential):
        if not isinstance(family, DeviceFamily):
            raise ConfigError(
                f"estimator.kind: a {family.kind} family counts and does not sample, so there is "
                "no requential code of it; use prequential"
            )
        return  # a code of the student, whatever its teacher has read
    if variant == "paired" and not isinstance(family, DeviceFamily):
        raise ConfigError(f"estimator.variant: a {family.kind} family is coded online, not paired")
    for d in datasets:
        replays = d.source.info.replays
        if replays > 1 and variant not in (None, "exact"):
            raise ConfigError(
                f"estimator.variant: source {d.name!r} replays its data {replays} times, and what "
                f"was read before is not new to the model, so {variant} would take memorised noise "
                "for structure; use exact"
            )
        if floor != "entropy_rate":
            continue
        if replays > 1:
            raise ConfigError(
                f"estimator.floor: source {d.name!r} replays its data, so it is coded in the exact "
                "variant, which ends at the final model; use ema or raw"
            )
        if d.entropy_rate_nats is None:
            raise ConfigError(
                f"estimator.floor: the entropy rate of source {d.name!r} is not known; "
                "use ema or raw"
            )


def _open(name: str, sweep: Sweep, family: Family, on_cpu: bool) -> Dataset:
    try:
        source = open_source(sweep.sources[name])
    except EpiplexityError as error:  # which names the file, not the key
        raise type(error)(f"sources.{name}: {error}") from None
    task, training, heldout = task_for(family, source.info), sweep.training, sweep.heldout
    wanted = math.ceil(heldout.tokens / task.label_tokens)
    batch = record = training.batch_size
    microbatch = training.microbatch or training_slice(batch, task, on_cpu)
    if heldout.record_tokens is not None:
        record = math.ceil(heldout.record_tokens / task.label_tokens)
    if not isinstance(source, HostSource):
        layout = heldout_layout(max(wanted, 64), record)
        return Dataset(name, source, task, None, layout, sweep.seed, microbatch)
    path = f"sources.{name}"
    available = heldout_sequences(source, heldout.tokens, path)
    layout = heldout_layout(available, record)
    split = Split(source, layout.sequences, sweep.seed, path)
    split.check(training.steps, batch)
    return Dataset(name, source, task, split, layout, sweep.seed, microbatch)


class Member(NamedTuple):
    """What tells the members of a family apart."""

    size: Size
    learning_rate: float | None
    seed: int
    several_rates: bool


def _run(sweep: Sweep, family: Family, dataset: Dataset, member: Member, compute_dtype: str) -> Run:
    task, training = dataset.task, sweep.training
    fingerprint = None
    if isinstance(family, DeviceFamily):
        model = family.model(member.size, task, compute_dtype)
        declared = cost = model.cost
        fingerprint = getattr(model, "fingerprint", None)  # of models that a config cannot tell
        if training.flops == "compiled":
            cost = compiled_cost(model, task, dataset.microbatch)
        own = training.model_dump(include={"batch_size", "warmup_steps"}) | {
            "microbatch": dataset.microbatch,
            "learning_rate": member.learning_rate,
            "compute_dtype": compute_dtype,
            "ema_steps": sweep.estimator.ema_steps,
            **_teaching(sweep),
        }
    else:
        if training.flops == "compiled":
            raise ConfigError(
                f"training.flops: a {family.kind} family counts on the host and has no compiled "
                "program; use declared"
            )
        declared = cost = _coder_cost(family, member.size, dataset)
        own = {"batch_size": training.batch_size}
    variants = _variants(sweep, family, dataset)
    layout = dataset.layout
    identity = {
        "numerics": NUMERICS,
        "source": [dataset.name, dataset.source.info.fingerprint],
        "family": sweep.family.model_dump(mode="json", exclude=_NOT_IDENTITY),
        "member": [str(member.size), member.seed],
        "estimator": sweep.estimator.kind,
        "training": own,
        "heldout": [layout.blocks, layout.per_block, layout.tiles],
        "seed": sweep.seed,
    }
    if fingerprint:
        identity["model"] = fingerprint
    lineage = _digest(identity)
    # Training is the same whoever counts its FLOPs and whether the end is scored again.
    result: dict[str, Any] = {"lineage": lineage, "steps": training.steps}
    if cost != declared or getattr(sweep.family, "flops_per_token", None):
        result["cost"] = [cost.train_flops_per_token, cost.eval_flops_per_token]
    if "exact" in variants:
        result["exact"] = True
    return Run(
        run_id=_digest(result),
        lineage=lineage,
        dataset=dataset,
        size=member.size,
        learning_rate=member.learning_rate,
        seed=member.seed,
        cost=cost,
        declared=declared,
        steps=training.steps,
        variants=variants,
        several_rates=member.several_rates,
    )


def _teaching(sweep: Sweep) -> dict[str, Any]:
    """What of a requential estimator decides a run's numbers, beside its EMA window."""
    estimator = sweep.estimator
    if not isinstance(estimator, Requential):
        return {}
    own: dict[str, Any] = {"ema_growth": estimator.ema_growth or 0.0}
    if estimator.max_kl is not None:
        bound = max_iterations(sweep)
        own |= {"max_kl": estimator.max_kl, "reference": estimator.reference, "bound": bound}
    return own


def max_iterations(sweep: Sweep) -> int:
    """The most iterations that a run of a sweep may take."""
    estimator, steps = sweep.estimator, sweep.training.steps
    if not isinstance(estimator, Requential) or estimator.max_kl is None:
        return steps
    return estimator.max_iterations or _ITERATIONS_PER_STEP * steps


def _variants(sweep: Sweep, family: Family, dataset: Dataset) -> tuple[str, ...]:
    """What a history will allow, the default first."""
    if isinstance(sweep.estimator, Requential):
        references = ("ema_student", "student")
        return references if sweep.estimator.reference == references[0] else references[::-1]
    if dataset.source.info.replays > 1:
        return ("exact",)
    usual = ("paired", "online") if isinstance(family, DeviceFamily) else ("online",)
    return (*usual, "exact") if sweep.estimator.variant == "exact" else usual


def _coder_cost(family: HostFamily, size: Size, dataset: Dataset) -> Cost:
    try:
        return family.coder(size, dataset.task).cost
    except EpiplexityError as error:
        raise type(error)(f"sources.{dataset.name}: {error}") from None


def _digest(identity: Mapping[str, Any]) -> str:
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
