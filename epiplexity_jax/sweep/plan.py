"""What a sweep will train: runs and their identities, cohorts of equal shapes, waves."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epiplexity_jax.base.errors import ConfigError, EpiplexityError
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.families.spec import Cost, DeviceFamily, Family, Size, Task
from epiplexity_jax.sources.registry import open_source
from epiplexity_jax.sources.spec import HostSource, Source
from epiplexity_jax.sources.split import Split, heldout_sequences
from epiplexity_jax.sweep.config import Sweep
from epiplexity_jax.training.data import Stream, heldout_tokens
from epiplexity_jax.training.heldout import HeldoutLayout, heldout_layout

# Raised when the numbers of an unchanged config change, so that old runs are not taken over.
NUMERICS = 1
_NOT_IDENTITY = {
    "widths",
    "depths",
    "orders",
    "seeds",
}  # a member's own size and seed stand for these


@dataclass(frozen=True, eq=False)
class Dataset:
    """A source opened for a sweep: split, with its held-out set cut."""

    name: str
    source: Source
    split: Split | None
    layout: HeldoutLayout
    root: int

    @property
    def task(self) -> Task:
        """What a model of this source must fit."""
        info = self.source.info
        return Task(info.vocab_size, info.length, tuple(bool(m) for m in info.label_mask))

    def stream(self, seed: int, batch_size: int) -> Stream:
        """Training batches for a member's seed."""
        return Stream(self.source, self.split, self.root, seed, batch_size)

    def heldout(self) -> np.ndarray:
        """The held-out set: [tiles, S, L]."""
        drawn = heldout_tokens(self.source, self.split, self.root, self.layout.sequences)
        return drawn.reshape(self.layout.tiles, self.layout.tile, -1)


@dataclass(frozen=True)
class Run:
    """One member on one source.

    Attributes:
        run_id: hash of all that decides the run's numbers.
        lineage: the same without the number of steps; a longer run continues a shorter one.
        dataset: its source.
        size: of its model.
        seed: of the member.
        cost: of its model.
        steps: to train.
    """

    run_id: str
    lineage: str
    dataset: Dataset
    size: Size
    seed: int
    cost: Cost
    steps: int

    @property
    def label(self) -> str:
        """Source, size and seed, for progress and messages."""
        return f"{self.dataset.name}, {self.size}, seed {self.seed}"


@dataclass(frozen=True)
class Wave:
    """Runs of one cohort that train at once; `slots` >= their number is what the devices hold."""

    runs: tuple[Run, ...]
    slots: int


@dataclass(frozen=True)
class Plan:
    """A validated sweep."""

    sweep: Sweep
    family: Family
    datasets: tuple[Dataset, ...]
    runs: tuple[Run, ...]
    compute_dtype: str

    def waves(self, todo: Sequence[Run], devices: int, on_cpu: bool) -> list[Wave]:
        """Pack runs into cohorts of equal shapes and cohorts into waves, largest first."""
        per_device = self.sweep.training.members_per_device or (1 if on_cpu else 64)
        cohorts: dict[Any, list[Run]] = {}
        for run in todo:
            key = (run.size, run.dataset.task, run.dataset.layout)
            cohorts.setdefault(key, []).append(run)
        waves = []
        for runs in cohorts.values():
            size = devices * min(per_device, math.ceil(len(runs) / devices))
            for i in range(0, len(runs), size):
                part = tuple(runs[i : i + size])
                waves.append(Wave(part, math.ceil(len(part) / devices) * devices))
        return sorted(waves, key=lambda w: -w.runs[0].cost.train_flops_per_token)


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
    if sweep.estimator.variant == "paired" and not isinstance(family, DeviceFamily):
        raise ConfigError(f"estimator.variant: a {family.kind} family is coded online, not paired")
    datasets = tuple(_open(name, sweep) for name in sweep.sources)
    if sweep.estimator.floor == "entropy_rate":
        for d in datasets:
            if d.source.info.entropy_rate_nats is None:
                raise ConfigError(
                    f"estimator.floor: the entropy rate of source {d.name!r} is not known; "
                    "use ema or raw"
                )
    runs = tuple(
        _run(sweep, family, dataset, size, seed, dtype)
        for size in family.sizes()
        for dataset in datasets
        for seed in range(family.seeds)
    )
    return Plan(sweep, family, datasets, runs, dtype)


def _open(name: str, sweep: Sweep) -> Dataset:
    try:
        source = open_source(sweep.sources[name])
    except EpiplexityError as error:  # which names the file, not the key
        raise type(error)(f"sources.{name}: {error}") from None
    info, training, heldout = source.info, sweep.training, sweep.heldout
    wanted = math.ceil(heldout.tokens / info.label_tokens)
    record = training.batch_size
    if heldout.record_tokens is not None:
        record = math.ceil(heldout.record_tokens / info.label_tokens)
    if not isinstance(source, HostSource):
        return Dataset(name, source, None, heldout_layout(max(wanted, 64), record), sweep.seed)
    available = heldout_sequences(source, heldout.tokens, f"sources.{name}")
    layout = heldout_layout(available, record)
    split = Split(source, layout.sequences, sweep.seed)
    split.check(training.steps, training.batch_size, f"sources.{name}")
    return Dataset(name, source, split, layout, sweep.seed)


def _run(
    sweep: Sweep, family: Family, dataset: Dataset, size: Size, seed: int, compute_dtype: str
) -> Run:
    task, training = dataset.task, sweep.training
    if isinstance(family, DeviceFamily):
        cost = family.model(size, task, compute_dtype).cost
        own = training.model_dump(
            include={"batch_size", "learning_rate", "warmup_steps", "microbatch"}
        ) | {"compute_dtype": compute_dtype, "ema_steps": sweep.estimator.ema_steps}
    else:
        cost = family.coder(size, task).cost
        own = {"batch_size": training.batch_size}
    layout = dataset.layout
    identity = {
        "numerics": NUMERICS,
        "source": [dataset.name, dataset.source.info.fingerprint],
        "family": sweep.family.model_dump(mode="json", exclude=_NOT_IDENTITY),
        "member": [str(size), seed],
        "estimator": sweep.estimator.kind,
        "training": own,
        "heldout": [layout.blocks, layout.per_block, layout.tiles],
        "seed": sweep.seed,
    }
    lineage = _digest(identity)
    run_id = _digest({"lineage": lineage, "steps": training.steps})
    return Run(run_id, lineage, dataset, size, seed, cost, training.steps)


def _digest(identity: Mapping[str, Any]) -> str:
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
