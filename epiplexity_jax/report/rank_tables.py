"""The tables and sentences of a ranking, for terminals of 80 columns."""

from collections.abc import Iterable, Sequence

from epiplexity_jax.analysis import Ranking, Rankings
from epiplexity_jax.analysis.ranking.changes import Change
from epiplexity_jax.analysis.ranking.differences import Difference
from epiplexity_jax.report.edges import edge_legend, growth_line, status_cell
from epiplexity_jax.report.numbers import number, with_interval
from epiplexity_jax.report.table import Table, TableColumn

MOST = 12  # pairs that are listed
_OTHER_REASONS = {
    "open": "a wider sweep",
    "no_structure": "no structure in either",
    "negative": "floor above the curve",
    "single_seed": "several seeds",
}


def rank_table(ranking: Ranking) -> Table:
    """Sources in order at every budget, with ranks, values, groups and status."""
    names = ["T, FLOPs", "rank", "source", f"{ranking.measure.name}_T, {ranking.measure.unit}"]
    columns = [TableColumn(name, "left" if name == "source" else "right") for name in names]
    columns += [TableColumn("group"), TableColumn("status")]
    table = Table(columns, caption=_caption(ranking))
    for order in ranking.orders:
        for place in order.places:
            low, high = place.rank_interval
            cells = [
                number(order.compute_flops) if place.rank == 1 else "",
                str(low) if low == high else f"{low}-{high}",
                place.found.source,
                with_interval(place.value, place.value_interval),
                place.group,
                status_cell(place.found),
            ]
            table.add(*cells, end_section=place.rank == len(order.places))
    return table


def _caption(ranking: Ranking) -> str:
    first = next(iter(ranking.frontiers.values()))
    found = [place.found for order in ranking.orders for place in order.places]
    top = max(ranking.budgets, default=0.0)
    lines = [
        f"{ranking.observer}, {first.estimator}, {first.variant}, floor {first.floor}, "
        f"{first.procedure} frontier, {number(first.test_tokens)} test tokens; ± at 95 %, each "
        "source's own; sources that share a letter are not separated (95 %, over all pairs)",
        edge_legend(found),
        growth_line(found, top),
    ]
    return "\n".join(line for line in lines if line)


def open_pairs_table(ranking: Ranking, most: int = MOST) -> Table | None:
    """Pairs that are not separated, with the number of seeds or the T that would; None without any.

    Of many pairs those with the smallest need come first, and the caption counts the others.

    Args:
        ranking: the order.
        most: number of pairs that are listed.
    """
    missing = [d for order in ranking.orders for d in order.differences if not d.separated]
    if not missing:
        return None
    shown = missing if len(missing) <= most else sorted(missing, key=_need)[:most]
    shown = [d for d in missing if d in shown]
    rest = len(missing) - len(shown)
    marks = {
        "more seeds: of all sources, the difference unchanged": any(d.more_seeds for d in shown),
        "~ extrapolated": any(d.more_compute and not d.is_measured for d in shown),
        "turned: the other way round": any(d.is_turned for d in shown),
        f"{rest} pairs more in --json": rest > 0,
    }
    caption = "; ".join(words for words, found in marks.items() if found)
    table = Table(
        [
            TableColumn("T, FLOPs", "right"),
            TableColumn("not separated", folds=True),
            TableColumn("difference", "right"),
            TableColumn("would separate them", folds=True),
        ],
        caption=caption,
    )
    for i, one in enumerate(shown):
        first, second = one.pair if one.difference >= 0 else one.pair[::-1]
        same = i + 1 < len(shown) and shown[i + 1].compute_flops == one.compute_flops
        table.add(
            number(one.compute_flops),
            f"{first} - {second}",
            difference_cell(one),
            cure(one),
            end_section=not same,
        )
    return table


def difference_cell(one: Difference) -> str:
    """The difference, larger less smaller, with its interval."""
    if one.difference >= 0 or one.difference_interval is None:
        return with_interval(abs(one.difference), one.difference_interval)
    low, high = one.difference_interval
    turned = (None if high is None else -high, None if low is None else -low)
    return with_interval(-one.difference, turned)


def _need(one: Difference) -> tuple[bool, float]:
    factor = one.more_compute or float("inf")
    return one.more_seeds is None, min(float(one.more_seeds or 1e9), factor)


def cure(one: Difference) -> str:
    """The seeds or the compute that would separate a pair, in words."""
    ways = []
    if one.more_seeds is not None:
        ways.append(f"{one.more_seeds} more seed{'s' * (one.more_seeds > 1)}")
    if one.more_compute is not None:
        about, turned = "" if one.is_measured else "~", " (turned)" if one.is_turned else ""
        ways.append(f"T x {about}{one.more_compute:.2g}{turned}")
    if one.why != "within_error" and not (one.why == "open" and ways):
        return _OTHER_REASONS[one.why] + "".join(f"; {way}" for way in ways)
    return " or ".join(ways) or "no number of seeds and no T within reach"


def sentences(rankings: Rankings) -> list[str]:
    """Sentences on changes of the order, and on what was looked at without finding any."""
    found = change_sentences(rankings.changes)
    kinds = {change.what for change in rankings.changes}
    looked = _looked_at(rankings.rankings)
    same = [name for what, name in looked if what not in kinds]
    if same:
        found.append(f"no separated pair changes its order with {', '.join(same)}")
    return found


def change_sentences(changes: Iterable[Change]) -> list[str]:
    """One sentence a pair whose order changes, and place elsewhere."""
    return [_sentence(change) for change in _shortened(changes)]


def _looked_at(rankings: Sequence[Ranking]) -> list[tuple[str, str]]:
    """Kinds of change that could be looked for, with their words."""
    looked = [("compute", "T")] if any(len(one.budgets) > 1 for one in rankings) else []
    names = list(dict.fromkeys(name for one in rankings for name in one.alternatives))
    for what in ("variant", "floor"):
        own = [name.removeprefix(f"{what} ") for name in names if name.startswith(what)]
        looked += [(what, f"the {what} ({', '.join(own)})")] if own else []
    tried = any(
        f.setting.recipe and any("learning_rate" in n for n in f.setting.recipe.neighbours)
        for one in rankings
        for f in one.frontiers.values()
    )
    looked += [("rate", "the rate (x 0.5, x 2)")] if tried else []
    return looked + ([("observer", "the observer")] if len(rankings) > 1 else [])


def _shortened(changes: Iterable[Change]) -> list[Change]:
    """One change a pair and place elsewhere, at the largest budget where it stands."""
    found: dict[tuple[str, ...], Change] = {}
    for one in changes:
        pair = tuple(sorted((one.larger, one.smaller)))
        key = (one.what, one.observer, *pair, "" if one.what == "compute" else one.elsewhere)
        if key not in found or one.compute_flops > found[key].compute_flops:
            found[key] = one
    return list(found.values())


def _sentence(one: Change) -> str:
    at = f"{one.larger} above {one.smaller} at T = {number(one.compute_flops)}"
    if one.what == "compute":
        there = f"below it at {number(one.elsewhere_compute_flops)}"
        sure = "both separated" if one.is_sure else "one of them within the error"
        return f"order changes with T: {at}, {there} ({sure})"
    if one.what == "observer":
        sure = "both separated" if one.is_sure else "one of them within the error"
        return f"order changes with the observer: {at} for {one.observer}, below it for " + (
            f"{one.elsewhere} ({sure})"
        )
    return f"order changes with the {one.what}: {at}, below it with {one.elsewhere}"
