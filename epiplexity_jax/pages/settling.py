"""Values of S_T and their intervals while a sweep trains."""

from collections.abc import Mapping
from typing import Any

from epiplexity_jax.analysis import Frontier

_MOST = 24  # earlier frontiers that are kept


class Settling:
    """Earlier frontiers of a sweep, asked again at the budget of today."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, Mapping[str, Frontier]]] = []

    def add(self, runs: int, frontiers: Mapping[str, Frontier]) -> None:
        """Keep the frontiers of so many finished runs; of many, every other one goes.

        Args:
            runs: number of finished runs.
            frontiers: by name of the source.
        """
        self._kept = [one for one in self._kept if one[0] < runs]
        if len(self._kept) >= _MOST:
            del self._kept[1::2]
        self._kept.append((runs, dict(frontiers)))

    def rows(self, compute: float) -> list[dict[str, Any]]:
        """S_T at a budget and its interval, for every kept frontier that reaches it.

        A side that is open ends at the value.
        """
        found = []
        for runs, frontiers in self._kept:
            for name, frontier in frontiers.items():
                if not frontier.all_members or frontier.largest_compute < compute * (1 - 1e-9):
                    continue
                one = frontier.at(compute)
                value = one.epiplexity_bits
                ends = one.epiplexity_bits_interval or (value, value)
                low, high = (value if end is None else end for end in ends)
                found.append(
                    {"source": name, "runs": runs, "epiplexity": value}
                    | {"epiplexity_low": low, "epiplexity_high": high}
                )
        return found
