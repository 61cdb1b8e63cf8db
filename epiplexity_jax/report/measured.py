"""The answer of `measure` as a table and sentences, for 80 columns."""

import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from epiplexity_jax.analysis import Decomposition
from epiplexity_jax.report.numbers import number, with_interval
from epiplexity_jax.report.rank_tables import change_sentences, difference_cell
from epiplexity_jax.report.table import Table, TableColumn

_WIDEST = 18  # letters of a source's name


def answer_table(results: Sequence[Decomposition]) -> Table:
    """S_T and H_T of every source, budget by budget.

    Args:
        results: decompositions, those of one budget together.
    """
    names = ("T, FLOPs", "source", "S_T, bits", "bits/token", "model", "D")
    table = Table(
        [TableColumn(name, "left" if name in _TEXTS else "right") for name in names],
        caption=_caption(results),
    )
    budgets = [one.compute_flops for one in results]
    for i, one in enumerate(results):
        first = i == 0 or budgets[i - 1] != budgets[i]
        table.add(
            number(one.compute_flops) if first else "",
            _short(one.source),
            _learnt(one),
            _rate(one),
            _model(one.member),
            number(one.train_tokens, 2),
            end_section=budgets[i : i + 1] != budgets[i + 1 : i + 2],
        )
    return table


_TEXTS = {"source", "model"}


def _learnt(one: Decomposition) -> str:
    """S_T and its interval; in words where nothing was learnt, or less than can be seen."""
    status, ends = str(one.status), one.epiplexity_bits_interval
    if status == "untrained":
        upper = ends and ends[1]
        return "nothing" + (f" (< {number(upper, 2)})" if upper else "")
    if status == "below_resolution" and one.resolution_bits:
        return f"unseen (< {number(one.resolution_bits, 2)})"
    return with_interval(one.epiplexity_bits, ends)


def _rate(one: Decomposition) -> str:
    """H_T per token and the half width of its interval."""
    text = f"{one.entropy_bits_per_token:.3f}"
    ends = one.entropy_bits_interval
    if ends is None or ends[0] is None or ends[1] is None:
        return text
    half = (ends[1] - ends[0]) / 2 / one.test_tokens
    return f"{text} ±{number(half, 1)}" if half else text


def _model(member: str) -> str:
    return member.removesuffix(" depth 1").replace("width ", "w")


def _short(name: str) -> str:
    """A name that fits its column; a shuffled copy stands below its source."""
    if name.endswith(", shuffled"):
        return "  shuffled"
    return name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…"


def _caption(results: Sequence[Decomposition]) -> str:
    if not results:
        return ""
    return (
        f"S_T: what a model learns; bits/token: what it cannot predict; "
        f"{number(results[0].test_tokens)} test tokens; ± at 95 %"
    )


def sentences(measured: Any) -> list[str]:
    """Write what differs, what the rate changes, and what would sharpen the answer.

    Args:
        measured: the answer (`planning.findings.Measured`).
    """
    lines = [*_differences(measured), *rate_sentences(measured.rates)]
    notes = (*change_sentences(measured.changes), *measured.notes)
    lines += [f"Note: {one}" for one in notes]
    lines += [f"Sharper: {one}" for one in measured.advice]
    again = ["epiplexity-jax", "run", str(measured.config), "--store", str(measured.runs.path)]
    lines.append(f"Again: {shlex.join(again)}")
    return lines


def _differences(measured: Any) -> list[str]:
    """Write which differences are real at the largest budget."""
    if not measured.differences:
        return []
    last = max(one.compute_flops for one in measured.differences)
    own = [one for one in measured.differences if one.compute_flops == last]
    names = [one.name for one in measured.request.asked]
    lines = [f"At T = {number(last)} FLOPs:"]
    lines += [_pair(one) for one in own if set(one.pair) <= set(names)]
    for name in names:
        lines += _above_controls(name, [one for one in own if name in one.pair], names)
    sure = {frozenset(one.pair) for one in own if one.separated}
    below = [one for one in measured.differences if one.separated and one not in own]
    return lines + _at_smaller_budgets([d for d in below if frozenset(d.pair) not in sure])


def _at_smaller_budgets(differences: Sequence[Any]) -> list[str]:
    """Write pairs that only a smaller budget separates, at the largest that does."""
    largest = {
        frozenset(one.pair): one for one in sorted(differences, key=lambda d: d.compute_flops)
    }
    return [
        f"At T = {number(one.compute_flops)}: {one.larger} lies above "
        f"{one.pair[0] if one.larger == one.pair[1] else one.pair[1]}, "
        f"by {difference_cell(one)} bits"
        for one in largest.values()
    ]


def _pair(one: Any) -> str:
    larger, smaller = one.pair if one.difference >= 0 else one.pair[::-1]
    by = f"by {difference_cell(one)} bits"
    if one.separated:
        return f"- {larger} teaches more than {smaller}, {by}"
    if one.why == "no_structure":
        return f"- {larger} and {smaller} are not separated: no structure in either"
    return f"- {larger} and {smaller} are not separated: {larger} is larger {by}"


def _above_controls(name: str, own: Sequence[Any], names: Sequence[str]) -> list[str]:
    """Write whether a source is above its controls, in one line."""
    parts: dict[bool, list[str]] = {True: [], False: []}
    for one in own:
        (other,) = [each for each in one.pair if each != name]
        if other not in names:
            words = "its shuffled copy" if other.endswith(", shuffled") else other
            real = one.separated and one.larger == name
            parts[real].append(f"{words} ({difference_cell(one)} bits)" if real else words)
    lines = []
    if parts[True]:
        lines.append(f"- {name} lies above {' and '.join(parts[True])}")
    if parts[False]:
        lines.append(f"- {name} is not separated from {' and '.join(parts[False])}")
    return lines


def rate_sentences(rates: Iterable[Any]) -> list[str]:
    """Write what half and twice the rate of each source would give.

    Args:
        rates: changes of S with the rate (`analysis.frontier.rates.RateChange`).
    """
    lines = []
    for one in rates:
        parts = []
        for factor, name in ((0.5, "half"), (2.0, "twice")):
            if factor in one.epiplexity:
                value = one.epiplexity[factor]
                change = "training diverges" if value is None else f"S {value - 1:+.0%}"
                parts.append(f"{change} at {name}")
        lines.append(
            f"Rate of {one.source}: {one.learning_rate:.3g}, tuned on {_model(one.size)}; "
            f"{', '.join(parts)} of it"
        )
    return lines
