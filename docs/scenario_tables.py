"""Tables of the scenarios with a computed answer, from their committed result."""

from typing import Any

from docs.markdown import table
from epiplexity_jax.report.numbers import number, with_interval

_WORDS = {True: "holds", False: "**FAILS**", None: "open"}


def checks(found: dict[str, Any]) -> str:
    """One row a check, scenario by scenario, below a sentence that counts them."""
    rows = [
        (one["title"], _cell(check["expected"]), _cell(check["found"]), _WORDS[check["holds"]])
        for one in found["scenarios"]
        for check in one["checks"]
    ]
    outcomes = [row[-1] for row in rows]
    counts = [outcomes.count(word) for word in _WORDS.values()]
    said = f"Of {len(rows)} checks {counts[0]} hold, {counts[1]} fail and {counts[2]} are open.\n"
    return f"{said}\n{table(('scenario', 'computed answer', 'found', 'outcome'), rows)}"


def answers(found: dict[str, Any]) -> str:
    """The computed answer of each scenario, in a sentence or two."""
    return "".join(f"- **{one['title']}.** {one['answer']}\n" for one in found["scenarios"])


def values(name: str, found: dict[str, Any]) -> str:
    """Values of one scenario beside what theory gives.

    Args:
        name: name of the scenario.
        found: the result.
    """
    heads = ("value", "found, with its 95 % interval", "theory", "unit")
    rows = [
        (_cell(value["name"]), _shown(value), number(value["oracle"], 4), value["unit"])
        for value in _scenario(name, found)["values"]
    ]
    return table(heads, rows)


def patches(found: dict[str, Any]) -> str:
    """Code per cell of every patch size over budgets, the shortest of each in bold."""
    values = _scenario("patches", found)["values"]
    series = list(dict.fromkeys(value["series"] for value in values))
    rows = []
    for budget in sorted({value["x"] for value in values}):
        at = {value["series"]: value for value in values if value["x"] == budget}
        least = min(value["value"] for value in at.values())
        cells = [_shown(at[one]) for one in series]
        bold = [
            f"**{cell}**" if at[one]["value"] == least < 1.0 else cell
            for one, cell in zip(series, cells, strict=True)
        ]
        rows.append((number(budget), *bold))
    return table(("T, FLOPs", *series), rows)


def _scenario(name: str, found: dict[str, Any]) -> dict[str, Any]:
    (one,) = (one for one in found["scenarios"] if one["name"] == name)
    return one


def _shown(value: dict[str, Any]) -> str:
    ends = value["low"], value["high"]
    return with_interval(value["value"], None if ends == (None, None) else ends)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
