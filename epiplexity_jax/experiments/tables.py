"""Tables of experiments: the list, checks, values, and the paper's values against ours."""

import fnmatch
from collections.abc import Iterable, Sequence

from epiplexity_jax.experiments.definition import Experiment, Published
from epiplexity_jax.experiments.findings import Check, Findings
from epiplexity_jax.experiments.perform import Result
from epiplexity_jax.report.numbers import number
from epiplexity_jax.report.table import Table, TableColumn


def list_table(experiments: Iterable[Experiment]) -> Table:
    """One row an experiment: its name, figure, phenomenon and what `small` takes."""
    table = Table(
        [
            TableColumn("name"),
            TableColumn("figure"),
            TableColumn("phenomenon", folds=True),
            TableColumn("small takes", folds=True, spare=1),
        ]
    )
    for one in experiments:
        table.add(one.name, one.figure, one.phenomenon, one.sizes["small"].cost)
    return table


def check_table(checks: Sequence[Check]) -> Table:
    """One row a check: its outcome, sort, what was expected and what was found."""
    table = Table(
        [
            TableColumn("outcome"),
            TableColumn("sort"),
            TableColumn("expected", folds=True),
            TableColumn("found", folds=True),
        ]
    )
    for check in checks:
        table.add(check.word, check.kind, check.expected, check.found)
    return table


def value_table(findings: Findings) -> Table:
    """One row a value, with its interval and what theory gives."""
    table = Table(
        [
            TableColumn("value", folds=True),
            TableColumn("found, with its 95 % interval"),
            TableColumn("theory", "right"),
            TableColumn("unit"),
        ]
    )
    for value in findings.values:
        table.add(value.name, str(value.estimate), number(value.oracle, 4), value.unit)
    return table


def published_table(results: Iterable[Result]) -> Table:
    """One row a published value: ours at the size that was run, the sign expected and found.

    Where sizes or estimators differ, our nearest value stands in brackets with its name.
    """
    table = Table(
        [
            TableColumn("figure"),
            TableColumn("quantity", folds=True),
            TableColumn("published", "right"),
            TableColumn("ours"),
            TableColumn("sign expected", folds=True),
            TableColumn("sign found", folds=True),
            TableColumn("note", folds=True),
        ]
    )
    for result in results:
        for one in result.experiment.published:
            expected, found = _sign(result, one)
            table.add(
                result.experiment.figure,
                one.quantity,
                one.value,
                _ours(result, one),
                expected,
                found,
                one.note,
            )
    return table


def _ours(result: Result, one: Published) -> str:
    """Our value, or in brackets the one that is nearest to it at another size."""
    values = {value.name: value for value in result.findings.values}
    if result.size in one.sizes and one.ours in values:
        value = values[one.ours]
        return f"{value.estimate} {value.unit}"
    if not (near := fnmatch.filter(values, one.small)):
        return ""
    value = values[near[-1]]
    return f"({value.estimate} {value.unit}: {value.name}, size {result.size})"


def _sign(result: Result, one: Published) -> tuple[str, str]:
    """The statement that has the sign of a published value, and its outcome."""
    found = [c for c in result.findings.checks if fnmatch.fnmatch(c.expected, one.sign)]
    if not one.sign or not found:
        return "", ""
    return found[0].expected, f"{found[0].word}: {found[0].found}"


def sign_table(results: Iterable[Result]) -> Table:
    """One row an experiment: how many of its checks hold, fail or are open."""
    table = Table(
        [
            TableColumn("experiment"),
            TableColumn("figure"),
            TableColumn("size"),
            TableColumn("holds", "right"),
            TableColumn("fails", "right"),
            TableColumn("open", "right"),
        ]
    )
    for result in results:
        words = [check.word for check in result.findings.checks]
        counts = [str(words.count(word)) for word in ("holds", "FAILS", "open")]
        name = result.experiment.name
        table.add(name, result.experiment.figure, result.size, *counts)
    return table
