"""Run an experiment, or read the runs that a store has of it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from epiplexity_jax import api
from epiplexity_jax.base.config import parse
from epiplexity_jax.base.errors import ConfigError, DataError, StoreError
from epiplexity_jax.base.files import read_if_there, reason, write_atomically
from epiplexity_jax.experiments import held, recorded, registry, stamp
from epiplexity_jax.experiments.definition import Experiment, load
from epiplexity_jax.experiments.findings import Findings, to_plain
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.result_file import ResultFile
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.config_file import read_config
from epiplexity_jax.sweep.progress import Progress, Silent

RESULT = held.RESULT
_BUDGETS = 5


@dataclass(frozen=True)
class Result:
    """The result of an experiment at one size.

    Attributes:
        experiment: its definition.
        size: "smoke", "small" or "paper".
        findings: values and checks.
        rows: decompositions at a few budgets, as `frontier --json` has them.
        endings: the code of every source's best size after the last step, in bits, with intervals.
        origin: the recorded sweep, machine, versions, command, date and seconds of training.
    """

    experiment: Experiment
    size: str
    findings: Findings
    rows: Sequence[Mapping[str, Any]]
    endings: Sequence[Mapping[str, Any]]
    origin: Mapping[str, Any]

    def to_plain(self) -> dict[str, Any]:
        """The result as plain data."""
        return {
            "experiment": self.experiment.name,
            "size": self.size,
            **self.origin,
            **to_plain(self.findings),
            "frontier": list(self.rows),
            "endings": list(self.endings),
        }


def folder_of(name: str, size: str, store: Path | None = None) -> Path:
    """Find the folder of an experiment's store; default: runs/experiments/<name>-<size>.

    Args:
        name: name of the experiment.
        size: "smoke", "small" or "paper".
        store: the folder that was asked for, if any.
    """
    return store or Path("runs") / "experiments" / f"{load(name).name}-{size}"


def files_of(name: str, size: str, store: Path | None, file: Path | None) -> list[Path]:
    """Find the files that the result of an experiment is written to.

    Args:
        name: name of the experiment.
        size: "smoke", "small" or "paper".
        store: the folder that was asked for, if any.
        file: where to write it too; in a folder it is <name>.json.
    """
    if file is not None and file.is_dir():
        file /= f"{load(name).name}.json"
    own = folder_of(name, size, store) / RESULT
    return [own] if file is None else [own, file]


def run_experiment(
    name: str,
    size: str,
    store: Path | None = None,
    progress: Progress | None = None,
    file: Path | None = None,
) -> Result:
    """Train the sweep of an experiment, or resume it, and read its result.

    The result is written to `experiment.json` in the store.

    Args:
        name: name of the experiment.
        size: "smoke", "small" or "paper".
        store: folder of the store; default: see `folder_of`.
        progress: receives steps, losses and messages.
        file: where to write the result too; see `files_of`.

    Raises:
        ConfigError: when there is no such experiment or size.
        DataError: when data that the user brings are not there.
        StoreError: when a folder is not a store, or one of another experiment or size, or a file
            cannot be written.
    """
    experiment, folder = load(name), folder_of(name, size, store)
    files = files_of(name, size, store, file)
    for one in files[1:]:
        check_file(one)
    experiment.check_data(size)
    held.refuse_another(experiment, size, folder)
    runs = api.run_plain(experiment.config(size), folder, progress or Silent())
    result = _read(experiment, size, runs)
    content = stamp.as_json(result.to_plain()).encode()
    for path in files:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {reason(error)}") from None
    return result


def check_file(file: Path) -> None:
    """Refuse a file that a result could not be written to, before anything is trained.

    Args:
        file: the file.

    Raises:
        ConfigError: when its name has another ending than .json.
        StoreError: when its folder cannot be made or written.
    """
    if file.suffix != ".json":
        raise ConfigError(f"--result: expected a .json file, or a folder that is there, got {file}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{file}: cannot be written: {reason(error)}") from None
    if not os.access(file.parent, os.W_OK) or file.is_dir():
        raise StoreError(f"{file}: cannot be written")


def plan_experiment(name: str, size: str, store: Path | None = None) -> Any:
    """Count and time what `run_experiment` would train; on CPUs the paper's size is not timed.

    Args:
        name: name of the experiment.
        size: "smoke", "small" or "paper".
        store: folder whose finished runs count as done.

    Raises:
        ConfigError: when there is no such experiment or size.
        DataError: when data that the user brings are not there.
        StoreError: when the folder is a store of another experiment or size.
    """
    experiment = load(name)
    experiment.check_data(size)
    folder = folder_of(name, size, store)
    held.refuse_another(experiment, size, folder)
    return api.plan_plain(experiment.config(size), folder, cpu_timing=size != "paper")


def read_experiment(name: str, size: str, store: Path | None = None) -> Result:
    """Read the result of an experiment anew from the runs of its store; nothing is trained.

    Args:
        name: name of the experiment.
        size: "smoke", "small" or "paper".
        store: folder of the store; default: see `folder_of`.

    Raises:
        ConfigError: when there is no such experiment or size.
        StoreError: when the folder is not a store of it.
    """
    experiment = load(name)
    experiment.config(size)
    return _read(experiment, size, api.load(folder_of(name, size, store)))


def read_result(path: Path) -> Result:
    """Read a result that `run_experiment` wrote, as it stands.

    Its parts are checked, and that its sources, its sweep and its command are those of its
    experiment at its size. Whether its checks follow from runs is not: `read_experiment` reads
    these anew.

    Raises:
        ConfigError: when the experiment is unknown.
        DataError: when the file is missing, is no result of an experiment, or holds the values of
            another one, or of another size.
    """
    text = read_if_there(path)
    if text is None:
        raise DataError(f"{path}: no such file; `experiments run` writes one")
    try:
        file = parse(ResultFile, stamp.from_json(text, path))
    except ConfigError as error:
        raise DataError(f"{path}: is no result of an experiment: {error}") from None
    experiment = load(file.experiment)
    problem = file.wrong_sources(experiment.config(file.size)["sources"])
    if problem := problem or recorded.difference(file, experiment):
        raise DataError(f"{path}: {problem}; give the file that `experiments run` wrote")
    plain = file.model_dump()
    origin = {key: plain[key] for key in (*recorded.KEYS, *stamp.KEYS)}
    parts = plain["frontier"], plain["endings"]
    return Result(experiment, file.size, file.findings(), *parts, origin)


def _read(experiment: Experiment, size: str, runs: Any) -> Result:
    config = experiment.config(size)
    _check_same(experiment, size, runs)
    measured = Measured(runs, experiment.sequences(size), config)
    findings = registry.reader(experiment.name)(measured)
    budgets = {name: measured.frontier(name).budgets(_BUDGETS) for name in measured.sources}
    rows = [measured.at(name, t).to_json() for name, every in budgets.items() for t in every]
    seconds = sum(row["wall_seconds"] for row in runs.rows(1.0, tuning=True))
    origin = stamp.stamp(recorded.command_of(experiment.name, size))
    origin |= recorded.record(experiment, size) | {"training_seconds": round(seconds)}
    endings = [_ending(measured, name) for name in measured.sources]
    return Result(experiment, size, findings, rows, endings, origin)


def _check_same(experiment: Experiment, size: str, runs: Any) -> None:
    """Refuse a store of another experiment or size.

    Raises:
        ConfigError: naming the first section that differs.
    """
    again = recorded.command_of(experiment.name, size)
    stored = parse_sweep(read_config(runs.path / "sweep.yaml")).to_plain()
    if section := held.differing_section(experiment, size, stored):
        raise ConfigError(
            f"{runs.path}: is of another sweep than {experiment.name} at size {size}: its "
            f"{section} differ; run {again}"
        )


def _ending(measured: Measured, source: str) -> dict[str, Any]:
    """The code of a source's best size after the last step, as plain data."""
    ending = measured.ending(source)
    lengths = {part: asdict(measured.bits(source, part)) for part in ("model", "data", "mdl")}
    known = {"source": source, "size": ending.size, "params": ending.params}
    top = measured.at(source, measured.largest(source))
    return known | {"seeds": int(ending.seeds["model"].size), "status": str(top.status)} | lengths
