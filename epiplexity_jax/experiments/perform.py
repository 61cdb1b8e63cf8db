"""Run an experiment, or read the runs that a store has of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epiplexity_jax import api
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.base.files import read_if_there, write_atomically
from epiplexity_jax.experiments import registry, stamp
from epiplexity_jax.experiments.definition import Experiment, load
from epiplexity_jax.experiments.findings import Findings, from_plain, to_plain
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.sweep.progress import Progress, Silent

RESULT = "experiment.json"
_BUDGETS = 5


@dataclass(frozen=True)
class Result:
    """The result of an experiment at one size.

    Attributes:
        experiment: its definition.
        size: "smoke", "small" or "paper".
        findings: values and checks.
        rows: decompositions at a few budgets, as `frontier --json` has them.
        origin: machine, versions, command, date and seconds of training.
    """

    experiment: Experiment
    size: str
    findings: Findings
    rows: Sequence[Mapping[str, Any]]
    origin: Mapping[str, Any]

    def to_plain(self) -> dict[str, Any]:
        """The result as plain data."""
        return {
            "experiment": self.experiment.name,
            "size": self.size,
            **self.origin,
            **to_plain(self.findings),
            "frontier": list(self.rows),
        }


def default_store(name: str, size: str) -> Path:
    """Return runs/experiments/<name>-<size>."""
    return Path("runs") / "experiments" / f"{name}-{size}"


def run_experiment(
    name: str, size: str, store: Path | None = None, progress: Progress | None = None
) -> Result:
    """Train the sweep of an experiment, or resume it, and read its result.

    The result is written to `experiment.json` in the store.

    Args:
        name: name of the experiment.
        size: "smoke", "small" or "paper".
        store: folder of the store; default: see `default_store`.
        progress: receives steps, losses and messages.

    Raises:
        ConfigError: when there is no such experiment or size.
        StoreError: when the folder is not a store or cannot be written.
    """
    experiment = load(name)
    folder = store or default_store(name, size)
    runs = api.run_plain(experiment.config(size), folder, progress or Silent())
    result = _read(experiment, size, runs)
    write_atomically(folder / RESULT, stamp.as_json(result.to_plain()).encode())
    return result


def plan_experiment(name: str, size: str, store: Path | None = None) -> Any:
    """Count and time what `run_experiment` would train.

    Args:
        name: name of the experiment.
        size: "smoke", "small" or "paper".
        store: folder whose finished runs count as done.
    """
    folder = store or default_store(name, size)
    return api.plan_plain(load(name).config(size), folder)


def read_experiment(name: str, size: str, store: Path | None = None) -> Result:
    """Read the result of an experiment anew from the runs of its store; nothing is trained.

    Args:
        name: name of the experiment.
        size: "smoke", "small" or "paper".
        store: folder of the store; default: see `default_store`.

    Raises:
        ConfigError: when there is no such experiment or size.
        StoreError: when the folder is not a store of it.
    """
    experiment = load(name)
    experiment.config(size)
    return _read(experiment, size, api.load(store or default_store(name, size)))


def read_result(path: Path) -> Result:
    """Read a result that `run_experiment` wrote.

    Raises:
        ConfigError: when the experiment is unknown.
        DataError: when the file is missing, or is no result of an experiment.
    """
    text = read_if_there(path)
    if text is None:
        raise DataError(f"{path}: no such file; `experiments run` writes one")
    plain = stamp.from_json(text, path)
    try:
        findings = from_plain(plain)
        origin = {key: plain[key] for key in stamp.KEYS}
        return Result(load(plain["experiment"]), plain["size"], findings, plain["frontier"], origin)
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: is no result of an experiment: {error}") from None


def _read(experiment: Experiment, size: str, runs: Any) -> Result:
    missing = [name for name in experiment.config(size)["sources"] if name not in runs.sources]
    if missing:
        raise ConfigError(
            f"{runs.path}: holds no run of {missing[0]}; run the experiment first: "
            f"epiplexity-jax experiments run {experiment.name} --size {size}"
        )
    measured = Measured(runs, experiment.sequences(size))
    findings = registry.reader(experiment.name)(measured)
    budgets = {name: measured.frontier(name).budgets(_BUDGETS) for name in measured.sources}
    rows = [measured.at(name, t).to_json() for name, every in budgets.items() for t in every]
    seconds = sum(row["wall_seconds"] for row in runs.rows(1.0, tuning=True))
    command = f"epiplexity-jax experiments run {experiment.name} --size {size}"
    origin = stamp.stamp(command) | {"training_seconds": round(seconds)}
    return Result(experiment, size, findings, rows, origin)
