"""Requential against prequential S of the same training (Finzi et al. 2026, Fig. 2c)."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Ending, Measured, mean_over_seeds
from epiplexity_jax.probing.statistics import rank_correlation

_CODES = ("requential", "prequential")
_GROUPS = {
    "rule": "cellular automata",
    "rows": "easy induction",
    "hidden": "hard induction",
    "natural": "natural data",
}
_Pair = tuple[Ending, Ending]  # of the requential code and of the prequential one
_DRAWS, _ORDERS, _LEAST = 2000, 4000, 3
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
    """Read S by both codes; sources are `rule_<n>`, `rows_<h>`, `hidden_<h>`, `natural_<name>`.

    Args:
        measured: the runs of a requential sweep.
    """
    found = Findings("source")
    requential, prequential = (measured.under(code) for code in _CODES)
    endings = {name: _endings(requential, prequential, name) for name in measured.sources}
    structure: dict[tuple[str, str], Estimate] = {}
    for source, by_code in endings.items():
        for code, ending in zip(_CODES, by_code, strict=True):
            name = source.replace("_", " ")
            title = _GROUPS[source.partition("_")[0]].capitalize()
            bits = mean_over_seeds(ending.seeds["model"], ending.sampling["model"])
            place = {"x": name, "series": code}
            structure[source, code] = found.add(f"S {name}, {code}", bits, "bits", title, **place)
    for group, title in _GROUPS.items():
        own = [by_code for name, by_code in endings.items() if name.startswith(f"{group}_")]
        if len(own) >= _LEAST:
            _compare(found, title, _drawn(own))
    if _CONSTANT in measured.sources:
        found.greater(
            "rule 0, a constant, costs more by the prequential code",
            structure[_CONSTANT, "prequential"],
            structure[_CONSTANT, "requential"],
        )
    return found


def _endings(requential: Measured, prequential: Measured, source: str) -> _Pair:
    """The code of one size under both estimators: of that which the requential code prefers.

    Args:
        requential: the runs by the requential code.
        prequential: the same by the prequential one.
        source: the source.
    """
    ending = requential.ending(source)
    return ending, prequential.ending(source, ending.size)


def _compare(found: Findings, title: str, lengths: _Lengths) -> None:
    """Add the rank correlation of a group, and the intercept of the line through it."""
    quantities = {
        "rank correlation": (rank_correlation, "Spearman's", "Rank correlation of the codes"),
        "intercept": (_intercept, "bits", "Prequential S where requential is 0"),
    }
    estimates = {}
    for name, (function, unit, panel) in quantities.items():
        value = function(*lengths.means)
        if value is None:
            found.notes.append(f"{title}: one code has the same length for all, so no {name}")
            continue
        draws = [one for each in lengths.draws if (one := function(*each)) is not None]
        low, high = np.quantile(draws, [0.025, 0.975])
        # The draws of a rank correlation lie on one side of a perfect one.
        estimate = Estimate(value, float(min(low, value)), float(max(high, value)))
        estimates[name] = found.add(
            f"{name}, {title}", estimate, unit, panel, x=title, series="both"
        )
    count = lengths.means.shape[1]
    if "rank correlation" in estimates and count >= _RANKED:
        chance = by_chance(count)
        expected = (
            f"both codes order {title} alike: their rank correlation is above {chance:.2f}, which "
            f"one random order of {count} in twenty exceeds"
        )
        found.greater(expected, estimates["rank correlation"], chance)


@functools.cache
def by_chance(count: int) -> float:
    """The rank correlation that a random order of so many exceeds once in twenty times."""
    generator, order = np.random.default_rng(0), np.arange(count)
    random = [rank_correlation(order, generator.permutation(count)) for _ in range(_ORDERS)]
    return float(np.quantile([one for one in random if one is not None], 0.95))


def _drawn(endings: Sequence[_Pair]) -> _Lengths:
    """S of sources by both codes, with draws around their means.

    A draw has the covariance of both codes' means over the seeds, as one training gives both, and
    Student's t for so few of them; errors of sampled tokens are drawn for each code.
    """
    generator = np.random.default_rng(0)
    means, draws = np.empty((2, len(endings))), np.empty((_DRAWS, 2, len(endings)))
    for place, pair in enumerate(endings):
        seeds = [ending.seeds["model"] for ending in pair]
        count = max(each.size for each in seeds)
        units = generator.standard_normal((_DRAWS, count))
        freedom = max(min(each.size for each in seeds) - 1, 1)
        units *= np.sqrt(freedom / generator.chisquare(freedom, (_DRAWS, 1)))
        for code, (own, ending) in enumerate(zip(seeds, pair, strict=True)):
            n = own.size
            around = units[:, :n] @ (own - own.mean()) / math.sqrt(n * max(n - 1, 1))
            tokens = ending.sampling["model"] * generator.standard_normal(_DRAWS)
            means[code, place] = own.mean()
            draws[:, code, place] = own.mean() + around + tokens
    return _Lengths(means, draws)


def _intercept(first: np.ndarray, second: np.ndarray) -> float | None:
    """The second where the first is 0, on the least-squares line; None where that has no slope."""
    if np.ptp(first) == 0:
        return None
    return float(np.polyfit(first, second, 1)[1])
