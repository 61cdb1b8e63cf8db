"""Pages of experiments in Markdown, with their pictures, from results; nothing is trained."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.base.files import reason, write_atomically
from epiplexity_jax.base.human import duration
from epiplexity_jax.experiments.chart import chart
from epiplexity_jax.experiments.definition import SIZES, Experiment, load, names
from epiplexity_jax.experiments.generators import generator_table, lengths
from epiplexity_jax.experiments.perform import Result
from epiplexity_jax.experiments.tables import (
    check_table,
    missing_table,
    published_table,
    sign_table,
    value_table,
)
from epiplexity_jax.report.figures import save
from epiplexity_jax.report.markdown import markdown_table
from epiplexity_jax.report.numbers import number

_NOTE = "<!-- Written by `epiplexity-jax experiments page`: edit the experiment, then run it. -->\n"
_INDEX = "index.md"
_NEAREST = "Where the set-ups differ our nearest value stands in brackets: then only signs compare."


def write_pages(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write a page and a picture for every result, and an index with two tables.

    An experiment some size of which needs the user's data has a page without its result, too.

    Args:
        results: one result an experiment.
        folder: where to write them; made where it is missing.

    Raises:
        ConfigError: when two results are of the same experiment, or no result is given.
        StoreError: when a file cannot be written.
    """
    named = [result.experiment.name for result in results]
    if not results:
        raise ConfigError("RESULT: give one result or more, as `experiments run` writes them")
    if twice := next((name for name in named if named.count(name) > 1), None):
        raise ConfigError(f"RESULT: {twice} is given twice; choose one of its results")
    ordered = sorted(results, key=lambda result: names().index(result.experiment.name))
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for result in ordered:
            page, picture = (folder / f"{result.experiment.name}{end}" for end in (".md", ".png"))
            save(chart(result.findings), picture)
            write_atomically(page, page_text(result).encode())
            written += [page, picture]
        for one in (each for each in _missing(ordered) if each.needs):
            page = folder / f"{one.name}.md"
            write_atomically(page, page_without_result(one).encode())
            written.append(page)
        write_atomically(folder / _INDEX, index_text(ordered).encode())
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {reason(error)}") from None
    return [*written, folder / _INDEX]


def page_text(result: Result) -> str:
    """The page of an experiment, whose picture lies beside it."""
    one, found = result.experiment, result.findings
    parts = [
        *_opening(one, f"size `{result.size}`"),
        *_data(one),
        f"![{one.title}]({one.name}.png)",
        "Points: means over seeds; bars: 95 % intervals; black ticks: theory. " + one.caption,
        "## Checks",
        _verdict(result),
        markdown_table(check_table(found.checks)),
    ]
    if found.notes:
        parts.append("\n".join(f"- {note}" for note in found.notes))
    if one.published:
        parts += [
            "## The paper's values, and ours",
            _NEAREST,
            markdown_table(published_table([result])),
        ]
    parts += ["## Values", markdown_table(value_table(found)), *_set_up(result)]
    return "\n\n".join(parts) + "\n"


def page_without_result(one: Experiment) -> str:
    """The page of an experiment that has no result: what is asked, and how it is run."""
    commands = [f"epiplexity-jax experiments run {one.name} --size {size}" for size in SIZES]
    costs = [f"- `{size}`: {one.sizes[size].cost}." for size in SIZES]
    parts = [*_opening(one, "no committed result"), *_data(one), one.caption.strip()]
    if one.published:
        table = markdown_table(published_table([], [one]))
        parts += ["## The paper's values", "Ours follow once it is run.", table]
    parts += [
        "## Set-up",
        "\n".join(costs),
        "```text\n" + "\n".join(commands) + "\n```",
        f"The config of `small`:\n\n```yaml\n{_config(one, 'small')}```",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _opening(one: Experiment, what: str) -> list[str]:
    """Title, figure, question and expected sign of an experiment."""
    several = "Figures" if "," in one.figure else "Figure"
    figure = f"{several} {one.figure} of Finzi et al. (2026)" if one.figure else "Not in the paper"
    return [
        f"{_NOTE}# {one.title}",
        f"*{figure}; {what}.*",
        one.question.strip(),
        f"**The sign that is expected, and why.** {one.why.strip()}",
    ]


def _data(one: Experiment) -> list[str]:
    """The list of the data that the user brings; empty without such data."""
    if not one.needs:
        return []
    rows = [f"- `{need.path}`, for {_listed(need.sizes)}: {need.what}." for need in one.needs]
    return ["**Data that you bring.**", "\n".join(rows)]


def _listed(sizes: Sequence[str]) -> str:
    return "all sizes" if set(sizes) == set(SIZES) else ", ".join(f"`{size}`" for size in sizes)


def _missing(results: Sequence[Result]) -> list[Experiment]:
    """Experiments that have no result here."""
    have = {result.experiment.name for result in results}
    return [load(name) for name in names() if name not in have]


def _config(one: Experiment, size: str) -> str:
    return yaml.safe_dump(one.config(size), sort_keys=False, default_flow_style=None)


def _verdict(result: Result) -> str:
    checks = result.findings.checks
    failed, unsure = len(result.findings.failed), sum(c.holds is None for c in checks)
    hold = len(checks) - failed - unsure
    return f"{hold} of {len(checks)} checks hold, {unsure} not resolved, {failed} fail."


def _set_up(result: Result) -> list[str]:
    """Command, config and origin of a result."""
    one, origin = result.experiment, result.origin
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    return [
        "## Set-up",
        f"`{origin['command']}` trained for {duration(origin['training_seconds'])} on "
        f"{origin['machine']}, on {origin['date']}, with {versions}. The dataset that is measured "
        f"has {number(one.sequences(result.size))} sequences. Checks are read from the runs again "
        f"by `experiments check {one.name}`.",
        f"```yaml\n{_config(one, result.size)}```",
    ]


def _card(result: Result) -> str:
    """The card of an experiment: its picture, what was expected, and its verdict."""
    one = result.experiment
    said = f"Expected: {one.phenomenon}. Found: {_verdict(result)}"
    parts = [f"- **[{one.title}]({one.name}.md)**", f"![{one.title}]({one.name}.png)", said]
    return "\n\n    ".join(parts)


def index_text(results: Sequence[Result]) -> str:
    """The index: a table of outcomes, those without, and the paper's values against ours."""
    missing = _missing(results)
    parts = [
        f"{_NOTE}# The paper's phenomena",
        "`epiplexity-jax experiments list` names them; each is a sweep in three sizes (`smoke`: "
        "seconds, `small`: minutes on two cores, `paper`: the published sizes, for accelerators), "
        "with checks on the sign that the paper reports. A sign that failed stays here as it "
        "came.",
        '<div class="grid cards" markdown>',
        *map(_card, results),
        "</div>",
        "## Checks",
        markdown_table(sign_table(results)),
    ]
    if missing:
        pages = [f"[{one.title}]({one.name}.md)" for one in missing if one.needs]
        parts += [
            "## Without a committed result",
            "These have none here: they were not run yet, or their data come from the user."
            + (f" Pages of the latter: {', '.join(pages)}." if pages else ""),
            markdown_table(missing_table(missing)),
        ]
    if generated := list(lengths(results)):
        parts += [
            "## Models beside the generators of their data",
            "A model that pays off may hold more bits than the program that makes the data, as the "
            "program is short only for those who know it (section 5.3 of the paper). Rows where "
            "the whole interval of the model lies above the program are marked `longer`, those "
            "where it lies below `shorter`; the others say nothing. The program is the shortest "
            "Python that we wrote, with its parameters, under zlib; the model is that of the best "
            "size after its last step. This is no claim that the data hold more than their "
            "entropy.",
            markdown_table(generator_table(generated)),
        ]
    if any(one.published for one in [*missing, *(each.experiment for each in results)]):
        parts += [
            "## Paper against ours",
            "Published values are those of the paper's sizes, in the unit of ours; where its "
            f"figure plots nats under an axis of bits they are corrected. {_NEAREST}",
            markdown_table(published_table(results, missing)),
        ]
    return "\n\n".join(parts) + "\n"
