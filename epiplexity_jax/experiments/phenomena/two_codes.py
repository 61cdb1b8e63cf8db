"""Requential against prequential S of the same training (Finzi et al. 2026, Fig. 2c)."""

import math
from typing import NamedTuple

import numpy as np

from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured

_CODES = ("requential", "prequential")
_GROUPS = {
    "rule": "cellular automata",
    "rows": "easy induction",
    "hidden": "hard induction",
}
_DRAWS, _LEAST = 2000, 3
_RANKED = 5  # sources of a group whose order is judged
_CONSTANT = "rule_0"


class _Lengths(NamedTuple):
    """S of the sources of a group by each code: the mean over seeds, and draws of it.

    Attributes:
        means: [2, sources] bits; requential first.
        draws: [draws, 2, sources] bits.
    """

    means: np.ndarray
    draws: np.ndarray


def read(measured: Measured) -> Findings:
    """Read S by both codes; sources are `rule_<n>`, `rows_<h>` and `hidden_<h>`.

    Args:
        measured: the runs of a requential sweep.
    """
    found = Findings("source")
    by_code = {code: measured.under(code) for code in _CODES}
    structure: dict[tuple[str, str], Estimate] = {}
    for source in measured.sources:
        for code, each in by_code.items():
            name = source.replace("_", " ")
            title = _GROUPS[source.partition("_")[0]].capitalize()
            place = {"x": name, "series": code}
            bits = each.bits(source, "model")
            structure[source, code] = found.add(f"S {name}, {code}", bits, "bits", title, **place)
    for group, title in _GROUPS.items():
        sources = [name for name in measured.sources if name.startswith(f"{group}_")]
        if len(sources) >= _LEAST:
            _compare(found, title, _drawn(list(by_code.values()), sources))
    if _CONSTANT in measured.sources:
        found.greater(
            "rule 0, a constant, costs more by the prequential code",
            structure[_CONSTANT, "prequential"],
            structure[_CONSTANT, "requential"],
        )
    return found


def _compare(found: Findings, title: str, lengths: _Lengths) -> None:
    """Add the rank correlation of a group, and the intercept of the line through it."""
    quantities = {
        "rank correlation": (_rank_correlation, "Spearman's", "Rank correlation of the codes"),
        "intercept": (_intercept, "bits", "Prequential S where requential is 0"),
    }
    estimates = {}
    for name, (function, unit, panel) in quantities.items():
        value = function(*lengths.means)
        if not math.isfinite(value):
            found.notes.append(f"{title}: one code has the same length for all, so no {name}")
            continue
        draws = np.array([function(*each) for each in lengths.draws])
        low, high = np.quantile(draws[np.isfinite(draws)], [0.025, 0.975])
        # The draws of a rank correlation lie on one side of a perfect one.
        estimate = Estimate(value, float(min(low, value)), float(max(high, value)))
        estimates[name] = found.add(f"{name}, {title}", estimate, unit, panel, x=title)
    if "rank correlation" in estimates and lengths.means.shape[1] >= _RANKED:
        expected = f"both codes order the sources alike, their rank correlation is above 0: {title}"
        found.greater(expected, estimates["rank correlation"], 0.0)


def _drawn(by_code: list[Measured], sources: list[str]) -> _Lengths:
    """S of sources by both codes, with draws of seeds and of the sampled tokens.

    The same seeds are drawn for both codes, as one training gives both. The mean of n seeds that
    are drawn of n varies less than that of n new ones, by (n - 1) / n, so draws are widened.
    """
    generator = np.random.default_rng(0)
    means, draws = np.empty((2, len(sources))), np.empty((_DRAWS, 2, len(sources)))
    for place, source in enumerate(sources):
        endings = [each.ending(source) for each in by_code]
        shared = generator.random((_DRAWS, max(one.seeds["model"].size for one in endings)))
        for code, ending in enumerate(endings):
            seeds = ending.seeds["model"]
            count = seeds.size
            chosen = (shared[:, :count] * count).astype(int)
            mean, widened = seeds.mean(), math.sqrt(count / max(count - 1, 1))
            tokens = ending.sampling["model"] * generator.standard_normal(_DRAWS)
            means[code, place] = mean
            draws[:, code, place] = mean + widened * (seeds[chosen].mean(1) - mean) + tokens
    return _Lengths(means, draws)


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's; NaN where all of one are the same."""
    from scipy.stats import rankdata

    ranks = rankdata(first), rankdata(second)
    if any(np.ptp(each) == 0 for each in ranks):
        return math.nan
    return float(np.corrcoef(*ranks)[0, 1])


def _intercept(first: np.ndarray, second: np.ndarray) -> float:
    """The second where the first is 0, on the least-squares line; NaN where that is a point."""
    if np.ptp(first) == 0:
        return math.nan
    return float(np.polyfit(first, second, 1)[1])
