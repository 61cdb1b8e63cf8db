"""The answer of a report in words: what was measured, what was found, how sure, what next."""

from collections import Counter
from collections.abc import Sequence

from epiplexity_jax.analysis import Decomposition, Ranking
from epiplexity_jax.analysis.ranking.differences import Difference
from epiplexity_jax.base.human import join_names, join_words, quoted
from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.pages.gather import Report
from epiplexity_jax.report.numbers import number, with_interval
from epiplexity_jax.report.page.content import Answer
from epiplexity_jax.report.rank_tables import change_sentences, cure, difference_cell

_MOST = 3  # sentences of one kind
_CODED = {"prequential": "prequentially", "requential": "requentially"}


def answer(report: Report) -> Answer:
    """Write the answer at the report's largest budget."""
    return Answer(
        measured=_measured(report),
        found=_found(report),
        sure=_sure(report),
        sharper=_sharper(report),
    )


def _measured(report: Report) -> str:
    rows = [row for one in report.stores for row in one.rows if row["role"] != "tuning"]
    families = Counter(row["family"] for row in rows)
    sizes = {(row["family"], row["size"]) for row in rows}
    seeds = len({row["seed"] for row in rows})
    names = list(report.frontiers)
    tokens = list(dict.fromkeys(number(one.test_tokens) for one in report.results))
    sets = f"a dataset of {tokens[0]}" if len(tokens) == 1 else f"datasets of {join_words(tokens)}"
    what = f"{len(names)} sources, {join_names(names)}" if len(names) > 1 else quoted(names[0])
    used = dict.fromkeys(one.estimator for one in report.results)
    how = join_words([_CODED.get(one, f"by the estimator {one}") for one in used])
    tuned = {one.recipe.kind for one in report.results if one.recipe}
    recipe = f" with a {'/'.join(sorted(tuned))} recipe" if tuned else ""
    return (
        f"Measured: {what}. {len(rows)} run{'s' * (len(rows) > 1)} of "
        f"{join_words(list(families))} models "
        f"({len(sizes)} size{'s' * (len(sizes) > 1)}, {seeds} seed{'s' * (seeds > 1)}) "
        f"{'were' if len(rows) > 1 else 'was'} trained{recipe} and coded {how}; the lengths are "
        f"those of {sets} tokens."
    )


def _found(report: Report) -> list[str]:
    """Sentences on S and H at the largest budget, the most structure first."""
    results = sorted(report.at_largest(), key=lambda one: -one.epiplexity_bits)
    learnt = [one for one in results if one.status == ResultStatus.OK]
    said = [_held(one) for one in learnt[: 2 * _MOST]]
    if len(learnt) > 2 * _MOST:
        said.append(f"further sources with less, see the table: {len(learnt) - 2 * _MOST}")
    if nothing := [one.source for one in results if one.status == ResultStatus.UNTRAINED]:
        said.append(f"in {join_names(nothing)} no model finds anything beyond the uniform code")
    said += [
        f"in {quoted(one.source)} the structure is below the resolution of "
        f"{number(one.resolution_bits, 2)} bits"
        for one in results
        if one.status == ResultStatus.BELOW_RESOLUTION
    ]
    said += [
        f"in {quoted(one.source)} the measured structure is negative, so this number is wrong"
        for one in results
        if one.status == ResultStatus.NEGATIVE
    ]
    return [f"At T = {number(report.largest)} FLOPs, {'; '.join(said)}."]


def _held(one: Decomposition) -> str:
    value = with_interval(one.epiplexity_bits, one.epiplexity_bits_interval)
    rest = f"leaves {one.entropy_bits_per_token:.3f} bits per token unpredicted"
    return f"{quoted(one.source)} holds {value} bits of structure and {rest}"


def _last_pairs(ranking: Ranking) -> Sequence[Difference]:
    return ranking.orders[-1].differences if ranking.orders else ()


def _sure(report: Report) -> list[str]:
    """Sentences on which differences are real, and on open sides."""
    if report.rankings is None:
        said = [f"The sources are not compared: {report.unranked}."] if report.unranked else []
        return said + _open(report)
    said = []
    for ranking in report.rankings.rankings:
        whose = f"For {ranking.observer}: " if len(report.rankings.rankings) > 1 else ""
        pairs = _last_pairs(ranking)
        apart = [one for one in pairs if one.separated]
        missing = [one for one in pairs if not one.separated]
        sure = ": beyond the error (95 %, over all pairs)"
        for one in apart[:_MOST]:
            first, second = map(quoted, one.pair if one.difference >= 0 else one.pair[::-1])
            more = f"{difference_cell(one)} bits"
            said.append(f"{whose}{first} holds more than {second}, by {more}{sure}.")
            whose, sure = "", ": beyond the error"
        if len(apart) > _MOST:
            said.append(f"Further pairs that are separated: {len(apart) - _MOST}.")
        for one in missing[:_MOST]:
            said.append(f"{whose}{join_names(one.pair)} are not separated.")
            whose = ""
        if len(missing) > _MOST:
            said.append(f"Further pairs that are not separated: {len(missing) - _MOST}.")
    said += [f"{sentence[0].upper()}{sentence[1:]}." for sentence in _changes(report)[:_MOST]]
    return said + _open(report)


def _changes(report: Report) -> list[str]:
    return change_sentences(report.rankings.changes) if report.rankings else []


def _open(report: Report) -> list[str]:
    """Say of which sources an optimum lies at the edge, so that an interval is open."""
    names = [
        one.source
        for one in report.at_largest()
        if one.epiplexity_bits_interval and None in one.epiplexity_bits_interval
    ]
    if not names:
        return []
    return [
        f"The optimum of {join_names(names)} lies at an edge of the sweep there, so S_T may lie "
        "beyond the open side of its interval."
    ]


def _sharper(report: Report) -> list[str]:
    """Sentences on what would sharpen the answer."""
    said = []
    rankings = report.rankings.rankings if report.rankings else ()
    for ranking in rankings:
        missing = [one for one in _last_pairs(ranking) if one.why == "within_error"]
        whose = f" for {ranking.observer}" if len(rankings) > 1 else ""
        said += [
            f"{join_names(one.pair)} would be separated{whose} by {cure(one)}"
            for one in missing
            if one.more_seeds is not None or one.more_compute is not None
        ]
    edges = {
        "largest_size": "larger models for {}",
        "smallest_size": "smaller models for {}",
        "edge_steps": "longer runs for {}",
        "edge_rate": "learning rates beyond those tried for {}",
        "edge_batch": "batch sizes beyond those tried for {}",
    }
    for flag, words in edges.items():
        names = [one.source for one in report.at_largest() if flag in one.flags]
        if names:
            said.append(words.format(join_names(names)))
    frontiers = report.frontiers.items()
    seeds = [name for name, f in frontiers if {m.seeds for m in f.all_members} == {1}]
    if seeds:
        said.append(f"a second seed for {join_names(seeds)}, without which no interval is known")
    return [f"What would sharpen it: {'; '.join(said[: 2 * _MOST])}."] if said else []
