"""Tables of experiments: the list, checks, values, and the paper's values against ours."""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence

from epiplexity_jax.experiments.definition import SIZES, Experiment, Published, names
from epiplexity_jax.experiments.findings import Check, Findings
from epiplexity_jax.experiments.perform import Result
from epiplexity_jax.report.numbers import number
from epiplexity_jax.report.table import Table, TableColumn

MAIN_FIRST = ("small", "paper", "smoke")
"""Sizes in the order in which a page has them: the first that has a result is its main one."""


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


def by_experiment(results: Iterable[Result]) -> dict[str, dict[str, Result]]:
    """Results by experiment and size, experiments in their order; sizes as `MAIN_FIRST` has them.

    Args:
        results: results of experiments, of each at most one a size.
    """
    order = names()
    place = {size: i for i, size in enumerate(MAIN_FIRST)}
    found: dict[str, dict[str, Result]] = {}
    for one in sorted(results, key=lambda r: (order.index(r.experiment.name), place[r.size])):
        found.setdefault(one.experiment.name, {})[one.size] = one
    return found


def published_table(results: Iterable[Result], missing: Iterable[Experiment] = ()) -> Table:
    """One row a published value: ours at every size that was run, the sign expected and found.

    Where sizes or estimators differ, our nearest value stands in brackets with its name. Results at
    the published size have columns of their own, where there are any.

    Args:
        results: results of experiments, of each at most one a size.
        missing: experiments without a result, whose published values stand alone.
    """
    grouped = list(by_experiment(results).values())
    large = any("paper" in sizes for sizes in grouped)
    at_paper = [TableColumn(f"{what} at `paper`", folds=True) for what in ("ours", "sign found")]
    table = Table(
        [
            TableColumn("figure"),
            TableColumn("quantity", folds=True),
            TableColumn("published", "right"),
            TableColumn(f"ours{_at_one_size(grouped)}"),
            *at_paper[:large],
            TableColumn("sign expected", folds=True),
            TableColumn(f"sign found{_at_one_size(grouped)}", folds=True),
            *at_paper[1 : 1 + large],
            TableColumn("note", folds=True),
        ]
    )
    for sizes in grouped:
        experiment = next(iter(sizes.values())).experiment
        for one in experiment.published:
            ours, paper, *signs, paper_sign = _compared(sizes, one)
            cells = ours, *[paper][:large], *signs, *[paper_sign][:large]
            table.add(experiment.figure, one.quantity, one.value, *cells, one.note)
    for experiment in missing:
        for one in experiment.published:
            cells = "no committed result", *[""][:large], _statement(one), "", *[""][:large]
            table.add(experiment.figure, one.quantity, one.value, *cells, one.note)
    return table


def _at_one_size(grouped: Iterable[Mapping[str, Result]]) -> str:
    """The end of a heading that names the size of all results but those at the published one."""
    found = {size for sizes in grouped for size in sizes} - {"paper"}
    return f" at `{found.pop()}`" if len(found) == 1 else ""


def _compared(sizes: Mapping[str, Result], one: Published) -> tuple[str, str, str, str, str]:
    """Our value below and at the published size; the sign expected, and found at both.

    Args:
        sizes: results of the experiment by size.
        one: the published value.
    """
    smaller = next((result for size, result in sizes.items() if size != "paper"), None)
    paper = sizes.get("paper")
    ours, expected, found = "", "", ""
    if smaller is not None:
        ours, (expected, found) = _ours(smaller, one), _sign(smaller, one)
    if paper is None:
        return ours, "", expected, found, ""
    other, outcome = _sign(paper, one)
    if expected and outcome and other != expected:  # it names the budgets of its size
        outcome = f"{other}: {outcome}"
    return ours, _ours(paper, one), expected or other, found, outcome


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
    """One row a result: how many checks hold, fail or are open, and the mark of changed ones."""
    table = Table(
        [
            TableColumn("experiment"),
            TableColumn("figure"),
            TableColumn("size"),
            TableColumn("holds", "right"),
            TableColumn("fails", "right"),
            TableColumn("open", "right"),
            TableColumn("changed after a reading"),
        ]
    )
    for result in results:
        words = [check.word for check in result.findings.checks]
        counts = [str(words.count(word)) for word in ("holds", "FAILS", "open")]
        one = result.experiment
        table.add(one.name, one.figure, result.size, *counts, "yes" if one.changed else "")
    return table
