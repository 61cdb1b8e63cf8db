"""Files and folders with one metric a file: MLflow's `metrics/`, DVCLive's `plots/metrics/`."""

import re
from collections.abc import Iterable
from pathlib import Path

from epiplexity_jax.analysis.logs.content import Content, open_content
from epiplexity_jax.analysis.logs.layouts import delimited
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.base.errors import DataError

_NUMBER = r"-?(?:\d[\d.]*(?:[eE][+-]?\d+)?|nan|inf)"
_TRIPLE = re.compile(rf"(\d{{10,}})\s+({_NUMBER})\s+(\d+)\s*", re.IGNORECASE)
_ROOTS = ("plots/metrics/", "scalars/", "metrics/", "plots/")


def matches(content: Content) -> bool:
    """Return whether each line is a time, a value and a step, as MLflow keeps a metric."""
    lines = content.text[:4096].splitlines()[:3]
    return bool(lines) and all(_TRIPLE.fullmatch(line) for line in lines)


def read(content: Content) -> LogTable:
    """The steps and values of a metric, in a column of the file's name.

    Raises:
        DataError: when a line is something else.
    """
    rows = []
    for i, line in enumerate(content.text.splitlines(), 1):
        found = _TRIPLE.fullmatch(line)
        if found is None and line.strip():
            raise DataError(f"{content.name}: line {i}: is no time, value and step")
        if found is not None:
            rows.append((i, {"step": found[3], content.path.name: found[2]}))
    return LogTable.of_rows(rows, layout="MLflow metric")


def read_folder(content: Content, paths: Iterable[Path]) -> LogTable:
    """The metrics of a folder, a column each, rows in order of steps.

    Args:
        content: the folder.
        paths: its files of metrics.
    """
    runs: dict[str, dict[float, dict[str, object]]] = {}
    for path in paths:
        one = open_content(path)
        table = read(one) if matches(one) else delimited.read(one)
        run, name = _run_and_name(path.relative_to(content.path))
        step = table.names[0]
        value = next((n for n in table.names[1:] if n != "timestamp"), table.names[-1])
        for at, cell in zip(table.columns[step], table.columns[value], strict=True):
            row = runs.setdefault(run, {}).setdefault(float(at), {"step": at})
            row[name] = cell
    rows = [
        (int(at), ({"run": run} if len(runs) > 1 else {}) | cells)
        for run, found in runs.items()
        for at, cells in sorted(found.items())
    ]
    return LogTable.of_rows(rows, layout="one metric a file", place="step")


def metric_files(folder: Path) -> list[Path]:
    """Files of MLflow's or DVCLive's metrics in a folder and below."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.stat().st_size == 0:
            continue
        with path.open("rb") as file:
            first = file.readline(200).decode("utf-8", "replace").strip()
        names = re.split(r"[\t,]", first)
        in_dvclive = path.suffix == ".tsv" and len(names) in (2, 3) and "step" in names
        if in_dvclive or _TRIPLE.fullmatch(first):
            found.append(path)
    return found


def _run_and_name(path: Path) -> tuple[str, str]:
    """The run and the metric of a file: what stands before and after a folder of metrics."""
    name = path.with_suffix("").as_posix() if path.suffix == ".tsv" else path.as_posix()
    for root in _ROOTS:
        before, found, after = f"/{name}".partition(f"/{root}")
        if found:
            return before.strip("/"), after
    return "", name
