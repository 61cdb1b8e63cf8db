"""The sweep that a result's file says it is of: it must be its experiment's at its size."""

from typing import Any

from epiplexity_jax.base.config import shorten
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.experiments import held
from epiplexity_jax.experiments.definition import Experiment
from epiplexity_jax.experiments.result_file import ResultFile
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.sweep.config import parse_sweep

KEYS = ("test_sequences", "sweep")


def command_of(name: str, size: str) -> str:
    """The command that trains an experiment at a size.

    Args:
        name: name of the experiment.
        size: "smoke", "small" or "paper".
    """
    return f"epiplexity-jax experiments run {name} --size {size}"


def record(experiment: Experiment, size: str) -> dict[str, Any]:
    """The part of a result's file that says of which sweep it is.

    Args:
        experiment: the experiment.
        size: its size.
    """
    values = experiment.sequences(size), experiment.config(size)
    return dict(zip(KEYS, values, strict=True))


def difference(file: ResultFile, experiment: Experiment) -> str | None:
    """Sentence on where a file differs from its experiment at its size; None where it does not.

    Its command, its sweep and the number of sequences are compared, where it records them; then
    names of sizes, seeds and estimators of its rows, which older files have too.

    Args:
        file: the file.
        experiment: the experiment that it names.
    """
    size, of = file.size, f"{experiment.name} at size {file.size}"
    if file.command != (command := command_of(experiment.name, size)):
        return f"command: expected {command!r} of {of}, got {shorten(file.command)}"
    if file.test_sequences not in (None, sequences := experiment.sequences(size)):
        return f"test_sequences: expected {sequences:g} of {of}, got {file.test_sequences:g}"
    if file.sweep is not None:
        try:
            recorded = parse_sweep(file.sweep).to_plain()
        except ConfigError as error:
            return f"sweep: {error}"
        if section := held.differing_section(experiment, size, recorded):
            return f"sweep: its {section} differ from that of {of}"
    return _rows_difference(file, experiment, of)


def _rows_difference(file: ResultFile, experiment: Experiment, of: str) -> str | None:
    """Sentence on rows that the experiment's sweep at the file's size cannot have.

    Args:
        file: the file.
        experiment: the experiment.
        of: names of both.
    """
    sweep = parse_sweep(experiment.config(file.size))
    plain = sweep.to_plain()
    sizes = list(map(str, open_family(sweep.family).sizes()))
    seeds, estimator = plain["family"]["seeds"], plain["estimator"]["kind"]
    for row in file.endings:
        if row.size not in sizes:
            return f"endings: {row.size!r} is no size of the family of {of}"
        if row.seeds > seeds:
            return f"endings: expected at most {seeds} seeds of {of}, got {row.seeds}"
    other = next((row.estimator for row in file.frontier if row.estimator != estimator), None)
    return other and f"frontier: expected the {estimator} estimator of {of}, got {shorten(other)}"
