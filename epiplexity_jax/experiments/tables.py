"""Tables of experiments: the list, checks, values, and the paper's values against ours."""

import fnmatch
from collections.abc import Iterable, Sequence

from epiplexity_jax.experiments.definition import SIZES, Experiment, Published
from epiplexity_jax.experiments.findings import Check, Findings
from epiplexity_jax.experiments.perform import Result
from epiplexity_jax.report.numbers import number
from epiplexity_jax.report.table import Table, TableColumn


def list_table(experiments: Iterable[Experiment]) -> Table:
    """One row an experiment: its name, figure, expected sign, what `small` takes, its data."""
    table = Table(
        [
            TableColumn("name"),
            TableColumn("figure"),
            TableColumn("expected", folds=True),
            TableColumn("small takes", folds=True, spare=1),
            TableColumn("you bring", folds=True, spare=1),
        ]
    )
    for one in experiments:
        table.add(one.name, one.figure, one.phenomenon, one.sizes["small"].cost, _brought(one))
    return table


def _brought(one: Experiment) -> str:
    """Paths of the data that the user brings, and the sizes that need them."""
    said = []
    for need in one.needs:
        of = "" if set(need.sizes) == set(SIZES) else f" ({', '.join(need.sizes)})"
        said.append(f"{need.path}{of}")
    return ", ".join(said)


def missing_table(experiments: Iterable[Experiment]) -> Table:
    """One row an experiment without a result: what is expected, what `small` takes, its needs."""
    table = Table(
        [
            TableColumn("experiment"),
            TableColumn("figure"),
            TableColumn("expected", folds=True),
            TableColumn("small takes", folds=True),
            TableColumn("you bring", folds=True),
        ]
    )
    for one in experiments:
        brought = " ".join(f"`{need.path}`: {need.what}." for need in one.needed("small"))
        table.add(one.name, one.figure, one.phenomenon, one.sizes["small"].cost, brought)
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


def published_table(results: Iterable[Result], missing: Iterable[Experiment] = ()) -> Table:
    """One row a published value: ours at the size that was run, the sign expected and found.

    Where sizes or estimators differ, our nearest value stands in brackets with its name.

    Args:
        results: results of experiments.
        missing: experiments without a result, whose published values stand alone.
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
    for experiment in missing:
        for one in experiment.published:
            shown = "no committed result", _statement(one), ""
            table.add(experiment.figure, one.quantity, one.value, *shown, one.note)
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
    if one.sign and not found and result.size not in one.sizes:
        return _statement(one), f"not asked at size {result.size}"
    if not one.sign or not found:
        return "", ""
    return found[0].expected, f"{found[0].word}: {found[0].found}"


def _statement(one: Published) -> str:
    """The statement of a published value's sign where no check has it; empty where it is open.

    It is the pattern without a `*` before it: others leave words out that a reader needs.
    """
    words = one.sign.removeprefix("*").strip()
    return "" if set(words) & set("*?[") else words


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
