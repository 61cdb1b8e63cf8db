"""The content of a page as plain values: sentences, tables, charts and what its controls need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from epiplexity_jax.report.table import Table


class PageTable(NamedTuple):
    """A table of a page.

    Attributes:
        title: its heading.
        table: what is shown.
        rows: values in full, which the page offers as CSV and JSON.
    """

    title: str
    table: Table
    rows: Sequence[Mapping[str, Any]]


class Note(NamedTuple):
    """A sentence to know, with its cure.

    Attributes:
        about: names of the sources that it holds for, as text; empty where for all.
        text: the sentence.
    """

    about: str
    text: str


class Key(NamedTuple):
    """A source in the key of the charts: its name, its colour and its dashes."""

    name: str
    colour: str
    dash: str


class PageRun(NamedTuple):
    """A run that a page can show: its name, the length of its model and its source.

    Attributes:
        label: name.
        bits: length of its model, as text.
        source: place of its source among the sources.
        of: place of its source among those of the runs.
    """

    label: str
    bits: str
    source: int
    of: int


@dataclass(frozen=True)
class Answer:
    """The answer in words.

    Attributes:
        measured: sentence on what was measured.
        found: sentences on what was found.
        sure: sentences on how sure it is.
        sharper: sentences on what would sharpen it.
    """

    measured: str
    found: Sequence[str]
    sure: Sequence[str]
    sharper: Sequence[str]

    @property
    def paragraphs(self) -> list[str]:
        """The answer as paragraphs; empty ones are left out."""
        parts = (self.found, self.sure, self.sharper)
        return [self.measured, *filter(None, (" ".join(part) for part in parts))]


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that a page shows.

    Attributes:
        title: heading.
        version: of this package; written: when, as text.
        answer: the answer in words.
        sources: name of every source and what it is.
        compared: sentence on the budgets that the tables have.
        legend: meanings of the codes behind the status of a result.
        budgets: FLOPs of the slider's stops, rising; stops: the same as text.
        start: place of the stop at which the page opens.
        key: sources, with the looks of their lines.
        readout_columns: headings of the table at the slider's budget.
        readout: its cells, by stop and source.
        charts: specifications of Vega-Lite by name.
        tables: by name.
        notes: sentences to know.
        order: sentences on the order of the sources; rankings: names of the orders' charts.
        runs: those with a chart; runs_text: sentence above; first_run: place of the one shown.
        chosen: by stop and source the place of a run of the best model, or None.
        rates: sentences on what other learning rates would give.
        laws: sentences on the cross-check by a scaling law.
        facts: machine, versions and the like, as pairs of term and value.
        commands: command lines that make it again.
        configs: name and text of the configs.
        citation: BibTeX.
        live: True of a page that follows a sweep; settling: sentence on its chart; watch: command
            that serves it again; revision: name of the results that it shows.
    """

    title: str
    version: str
    written: str
    answer: Answer
    sources: Sequence[tuple[str, str]] = ()
    compared: str = ""
    legend: str = ""
    budgets: Sequence[float] = ()
    stops: Sequence[str] = ()
    start: int = 0
    key: Sequence[Key] = ()
    readout_columns: Sequence[str] = ()
    readout: Sequence[Sequence[Sequence[str]]] = ()
    charts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tables: Mapping[str, PageTable] = field(default_factory=dict)
    notes: Sequence[Note] = ()
    order: Sequence[str] = ()
    rankings: Sequence[str] = ()
    runs: Sequence[PageRun] = ()
    runs_text: str = ""
    first_run: int = 0
    chosen: Sequence[Sequence[int | None]] = ()
    rates: Sequence[str] = ()
    laws: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    commands: Sequence[str] = ()
    configs: Sequence[tuple[str, str]] = ()
    citation: str = ""
    live: bool = False
    settling: str = ""
    watch: str = ""
    revision: str = ""
