"""A sweep resolved: its sources opened, its runs named, and what trains them chosen."""

from dataclasses import dataclass

from epiplexity_jax.estimators.registry import open_estimator
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.sweep.config import Sweep
from epiplexity_jax.sweep.counting_trainer import CountingTrainer
from epiplexity_jax.sweep.dataset import Dataset, open_datasets
from epiplexity_jax.sweep.device_trainer import DeviceTrainer
from epiplexity_jax.sweep.resolve import resolver_of
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.trainer import Trainer


@dataclass(frozen=True, eq=False)
class Plan:
    """A validated sweep: its config as the store keeps it, and all that is made of it."""

    sweep: Sweep
    datasets: tuple[Dataset, ...]
    runs: tuple[RunSpec, ...]
    trainer: Trainer
    compute_dtype: str


def make_plan(sweep: Sweep, platform: str) -> Plan:
    """Open the sources, check that they last for all steps, and resolve every run.

    The platform is that of the devices that will train: "cpu", "gpu" or "tpu".

    Raises:
        ConfigError: on an impossible combination.
        DataError: on a source that is missing, wrong or too short.
    """
    family, estimator = open_family(sweep.family), open_estimator(sweep.estimator)
    dtype = sweep.training.compute_dtype
    if dtype == "auto":
        dtype = "float32" if platform == "cpu" else "bfloat16"
    datasets = open_datasets(sweep, family, platform == "cpu")
    resolver = resolver_of(family)(sweep, family, estimator, platform, dtype)
    estimator.check(family.kind, resolver.counts, {d.name: d.info for d in datasets})
    runs = tuple(
        resolver.run(dataset, size, rate, seed)
        for size in family.sizes()
        for rate in resolver.rates
        for dataset in datasets
        for seed in range(family.seeds)
    )
    named = {run.run_id: run for run in runs}
    trainer = (
        CountingTrainer(named)
        if resolver.counts
        else DeviceTrainer(named, sweep.training, resolver.run)
    )
    return Plan(sweep, datasets, runs, trainer, dtype)
