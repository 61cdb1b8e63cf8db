"""Short words for edges of a sweep, and lines for the growth of S, as tables have them."""

from collections.abc import Collection, Sequence

from epiplexity_jax.analysis import Decomposition
from epiplexity_jax.report.numbers import number, with_interval

_CODES = {
    "smallest_size": ("N-", "smallest size"),
    "largest_size": ("N+", "largest size"),
    "edge_steps": ("D+", "end of the runs"),
    "edge_rate": ("rate", "last rate tried"),
    "edge_batch": ("batch", "last batch tried"),
    "bridged": ("drop", "bridges a sudden drop"),
    "carried": ("T+", "beyond the runs"),
    "below_cheapest": ("T-", "below the cheapest model"),
    "beyond_sizes": ("N*", "a size beyond those that were trained"),
    "beyond_tokens": ("D*", "tokens beyond those of the runs"),
    "beyond_compute": ("T*", "a budget beyond the runs"),
}


def edge_codes(flags: Collection[str]) -> str:
    """Codes of a result's flags.

    >>> edge_codes(("edge_size", "largest_size", "edge_steps"))
    'N+ D+'
    """
    return " ".join(code for flag, (code, _) in _CODES.items() if flag in flags)


def edge_words(flags: Collection[str]) -> str:
    """Meanings of a result's flags.

    >>> edge_words(("edge_size", "largest_size", "edge_steps"))
    'largest size, end of the runs'
    """
    return ", ".join(words for flag, (_, words) in _CODES.items() if flag in flags)


def status_cell(found: Decomposition) -> str:
    """Status of a result, and behind it the codes of its flags."""
    return " ".join(filter(None, (str(found.status), edge_codes(found.flags))))


def edge_legend(results: Sequence[Decomposition]) -> str:
    """Meanings of the codes that occur; empty where none does."""
    flags = {flag for d in results for flag in d.flags}
    found = [f"{code} {words}" for flag, (code, words) in _CODES.items() if flag in flags]
    return f"behind the status: {', '.join(found)}" if found else ""


def growth_line(results: Sequence[Decomposition], compute: float) -> str:
    """Growth of S at a budget, source by source; empty where it is not known of any."""
    at = [d for d in results if d.compute_flops == compute and d.saturation is not None]
    found = [f"{d.source} {growth_cell(d.saturation or 0.0, d.saturation_interval)}" for d in at]
    if not found:
        return ""
    return f"d log S/d log T at {number(compute)}: {', '.join(found)}"


def growth_cell(value: float, interval: Sequence[float | None] | None) -> str:
    """A growth with two decimals, and its interval."""
    low, high = interval or (None, None)
    if interval is None or low is None or high is None:
        rounded = interval and [None if end is None else round(end, 2) for end in interval]
        return with_interval(round(value, 2), rounded)
    return f"{round(value, 2) + 0.0:.2f} ±{(high - low) / 2:.2f}"  # no negative zero
