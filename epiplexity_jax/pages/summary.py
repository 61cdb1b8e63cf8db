"""The summary of a report beside its page: as JSON for programs, as Markdown for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from epiplexity_jax._version import __version__
from epiplexity_jax.pages.build import notes
from epiplexity_jax.pages.facts import commands, facts
from epiplexity_jax.pages.gather import Report
from epiplexity_jax.report.markdown import markdown_table
from epiplexity_jax.report.page.content import Page
from epiplexity_jax.report.tables import decomposition_table


def summary_json(report: Report, page: Page, options: Sequence[str] = ()) -> dict[str, Any]:
    """Everything of a report but its runs and its pictures, as plain values.

    Args:
        report: the report.
        page: its page, which has the words.
        options: words of the command that asked for it, beyond the stores.
    """
    answer = page.answer
    order = report.rankings.to_json() if report.rankings else {"unranked": report.unranked or None}
    return {
        "version": __version__,
        "written": page.written,
        "stores": [str(one.runs.path) for one in report.stores],
        "answer": {
            "measured": answer.measured,
            "found": list(answer.found),
            "sure": list(answer.sure),
            "sharper": list(answer.sharper),
        },
        "frontier": [one.to_json() for one in report.results],
        **order,
        "floor_table": [one.to_json() for one in report.floors],
        "rates": [
            {**vars(one), "epiplexity": {str(k): v for k, v in one.epiplexity.items()}}
            for one in report.rates
        ],
        "laws": [_law(name, frontier) for name, frontier in report.laws.items()],
        "notes": [{"sources": note.about, "text": note.text} for note in notes(report)],
        "runs": sum(row["role"] != "tuning" for one in report.stores for row in one.rows),
        "facts": [{"term": term, "text": text} for term, text in facts(report)],
        "commands": commands(report, options),
    }


def _law(name: str, frontier: Any) -> Mapping[str, Any]:
    return {"source": name} | frontier.traced.to_json()


def summary_markdown(report: Report, page: Page) -> str:
    """The answer, the results at every budget, what to know, and how it was made.

    Args:
        report: the report.
        page: its page, which has the words.
    """
    lines = [f"# {page.title}", ""]
    for paragraph in page.answer.paragraphs:
        lines += [paragraph, ""]
    lines += [markdown_table(decomposition_table(report.results)), ""]
    lines += [f"- {sentence}" for sentence in page.order]
    known = [f"{note.about}: {note.text}" if note.about else note.text for note in page.notes]
    if known:
        lines += ["", "## What to know, and what to do about it", ""]
        lines += [f"- {text}" for text in known]
    lines += ["", "## How this was made", ""]
    lines += [f"- {term}: {text}" for term, text in page.facts]
    return "\n".join([*lines, "", "```bash", *page.commands, "```", ""])
