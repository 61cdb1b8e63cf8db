"""Pages of experiments in Markdown, with their pictures, from results; nothing is trained."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.base.files import reason, write_atomically
from epiplexity_jax.base.human import duration
from epiplexity_jax.experiments.chart import chart
from epiplexity_jax.experiments.definition import SIZES, Experiment, load, names, too_small
from epiplexity_jax.experiments.generators import generator_table, lengths
from epiplexity_jax.experiments.perform import Result
from epiplexity_jax.experiments.tables import (
    by_experiment,
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
_MARK = (
    "The mark `changed after a reading`, here and on the cards, means that a size or a check of "
    "the experiment was changed after a result of it had been seen; its page says what was "
    "changed, and what that result was. Its checks are no predictions that were made before any "
    "result, so a sign that holds there is weaker evidence."
)
_NEAREST = "Where the set-ups differ our nearest value stands in brackets: then only signs compare."


def write_pages(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write a page for every experiment, a picture for every result, and an index with tables.

    An experiment some size of which needs the user's data has a page without its result, too.

    Args:
        results: results of experiments, of each at most one a size.
        folder: where to write them; made where it is missing.

    Raises:
        ConfigError: when two results are of one experiment and size, or no result is given.
        StoreError: when a file cannot be written.
    """
    named = [f"{result.experiment.name} at size {result.size}" for result in results]
    if not results:
        raise ConfigError("RESULT: give one result or more, as `experiments run` writes them")
    if twice := next((name for name in named if named.count(name) > 1), None):
        raise ConfigError(f"RESULT: {twice} is given twice; choose one of its results")
    pages = [list(sizes.values()) for sizes in by_experiment(results).values()]
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for own in pages:
            page = folder / f"{own[0].experiment.name}.md"
            pictures = [folder / _picture(result, own[0]) for result in own]
            for result, picture in zip(own, pictures, strict=True):
                save(chart(result.findings), picture)
            write_atomically(page, page_text(*own).encode())
            written += [page, *pictures]
        for one in (each for each in _missing(results) if each.needs):
            page = folder / f"{one.name}.md"
            write_atomically(page, page_without_result(one).encode())
            written.append(page)
        write_atomically(folder / _INDEX, index_text(results).encode())
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {reason(error)}") from None
    return [*written, folder / _INDEX]


def page_text(result: Result, *others: Result) -> str:
    """The page of an experiment, whose pictures lie beside it.

    Args:
        result: its main result, as `by_experiment` has the first.
        *others: its results at other sizes, each in a section of its own.
    """
    one = result.experiment
    sizes = [f"`{each.size}`" for each in (result, *others)]
    parts = [
        *_opening(one, f"size{'s' if others else ''} {', '.join(sizes)}"),
        *_data(one),
        *_drawn(result, result),
        "## Checks",
        *_changed(one),
        *_checked(result),
    ]
    if one.published:
        parts += [
            "## The paper's values, and ours",
            _NEAREST,
            markdown_table(published_table([result, *others])),
        ]
    parts += ["## Values", markdown_table(value_table(result.findings))]
    parts += ["## Set-up", *_set_up(result)]
    for other in others:
        published = other.size == "paper"
        parts += [
            "## At the published size" if published else f"## At size `{other.size}`",
            *_drawn(other, result),
            *_checked(other),
            markdown_table(value_table(other.findings)),
            *_set_up(other),
        ]
    return "\n\n".join(parts) + "\n"


def _picture(result: Result, main: Result) -> str:
    """Name of the picture of a result: the experiment's, with the size where it is not the main."""
    name = result.experiment.name
    return f"{name}.png" if result.size == main.size else f"{name}-{result.size}.png"


def _drawn(result: Result, main: Result) -> list[str]:
    """The picture of a result, and its caption."""
    one = result.experiment
    at, caption = "", one.caption
    if result.size != main.size:  # captions are written for the main size
        at, caption = f", size {result.size}", ""
    said = f"Points: means over seeds; bars: 95 % intervals; black ticks: theory. {caption}"
    return [f"![{one.title}{at}]({_picture(result, main)})", said.strip()]


def _changed(one: Experiment) -> list[str]:
    """Paragraph on changes after a result had been seen; empty where there was none."""
    if not one.changed:
        return []
    return [
        f"**Changed after a result had been seen.** {one.changed.strip()} So these checks are no "
        "predictions that were made before any result."
    ]


def _checked(result: Result) -> list[str]:
    """Verdict, checks and notes of a result."""
    found = result.findings
    parts = [_verdict(result), too_small(result.size), markdown_table(check_table(found.checks))]
    notes = "\n".join(f"- {note}" for note in found.notes)
    return [part for part in (*parts, notes) if part]


def page_without_result(one: Experiment) -> str:
    """The page of an experiment that has no result: what is asked, and how it is run."""
    commands = [f"epiplexity-jax experiments run {one.name} --size {size}" for size in SIZES]
    costs = [f"- `{size}`: {one.sizes[size].cost}." for size in SIZES]
    parts = [*_opening(one, "no committed result"), *_data(one), one.caption.strip()]
    parts += _changed(one)
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


def _changed_signs(experiments: Sequence[Experiment]) -> str:
    """Sentence on the signs of experiments that were changed after a reading; empty without any."""
    changed = [f"{one.figure} ({one.name})" for one in experiments if one.changed and one.published]
    if not changed:
        return ""
    return (
        f" These were changed after a reading, as the table of checks marks: {', '.join(changed)}."
    )


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
    """Command, origin and config of a result."""
    one, origin = result.experiment, result.origin
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    return [
        f"`{origin['command']}` trained for {duration(origin['training_seconds'])} on "
        f"{origin['machine']}, on {origin['date']}, with {versions}. The dataset that is measured "
        f"has {number(one.sequences(result.size))} sequences. Checks are read from the runs again "
        f"by `experiments check {one.name}{_size_option(result.size)}`.",
        f"```yaml\n{_config(one, result.size)}```",
    ]


def _size_option(size: str) -> str:
    return "" if size == "small" else f" --size {size}"


def _card(result: Result, *others: Result) -> str:
    """The card of an experiment: its picture, what was expected, its verdicts, and its mark.

    Args:
        result: its main result.
        *others: its results at other sizes.
    """
    one = result.experiment
    said = f"Expected: {one.phenomenon}. Found: {_verdict(result)}"
    said += "".join(f" At size `{each.size}`: {_verdict(each)}" for each in others)
    if one.changed:
        said += " *Changed after a reading.*"
    parts = [f"- **[{one.title}]({one.name}.md)**", f"![{one.title}]({one.name}.png)", said]
    return "\n\n    ".join(parts)


def index_text(results: Sequence[Result]) -> str:
    """The index: a table of outcomes, those without, and the paper's values against ours."""
    missing = _missing(results)
    grouped = [list(sizes.values()) for sizes in by_experiment(results).values()]
    results = [result for own in grouped for result in own]
    parts = [
        f"{_NOTE}# The paper's phenomena",
        "`epiplexity-jax experiments list` names them; each is a sweep in three sizes (`smoke`: "
        "seconds, `small`: minutes on two cores, `paper`: the published sizes, for accelerators), "
        "with checks on the sign that the paper reports. A sign that failed stays here as it "
        "came.",
        '<div class="grid cards" markdown>',
        *(_card(*own) for own in grouped),
        "</div>",
        "## Checks",
        _MARK,
        *dict.fromkeys(filter(None, (too_small(result.size) for result in results))),
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
            f"figure plots nats under an axis of bits they are corrected. {_NEAREST}"
            + _changed_signs([own[0].experiment for own in grouped]),
            markdown_table(published_table(results, missing)),
        ]
    return "\n\n".join(parts) + "\n"
