"""Lengths of many frontiers at one budget, all at once.

Axis letters: K frontier, V vertex.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from epiplexity_jax.analysis.frontier.traced import Traced

Vertices = Float64[np.ndarray, "frontiers vertices"]
Lengths = Float64[np.ndarray, "frontiers 2"]


class Stacked:
    """Frontiers that are read together: model and data length of each at a budget.

    Args:
        traced: the frontiers.
    """

    def __init__(self, traced: Sequence[Traced]) -> None:
        """Stack the vertices of those frontiers that interpolate between vertices."""
        self._traced = tuple(traced)
        self._times: Vertices | None = None
        if self._traced and all(type(one).lengths is Traced.lengths for one in self._traced):
            columns = [one.of_vertices for one in self._traced]
            most = max(times.size for times, _, _ in columns)
            self._last = np.array([times.size - 1 for times, _, _ in columns])
            self._times, self._model, self._data = (
                np.stack(
                    [np.pad(one, (0, most - one.size), constant_values=np.inf) for one in part]
                )
                for part in zip(*columns, strict=True)
            )

    def __len__(self) -> int:
        """Return the number of frontiers."""
        return len(self._traced)

    def lengths(self, log_compute: float, strict: bool = False) -> Lengths:
        """[K, 2] model and data length of each, see `Traced.lengths`.

        Args:
            log_compute: natural logarithm of T.
            strict: as for `Traced.at`.
        """
        if self._times is None or strict:
            found = [one.lengths(log_compute, strict) for one in self._traced]
            return np.array(found).reshape(-1, 2)
        left = np.maximum(np.count_nonzero(self._times <= log_compute, axis=1) - 1, 0)
        right = np.minimum(left + 1, self._last)
        rows = np.arange(len(self._traced))
        start, end = self._times[rows, left], self._times[rows, right]
        beyond = np.maximum(log_compute - start, 0.0) * (end > start)  # the ends' are held
        span = np.where(end > start, end - start, 1.0)
        return np.stack(
            [
                (part[rows, right] - part[rows, left]) / span * beyond + part[rows, left]
                for part in (self._model, self._data)
            ],
            axis=1,
        )
