"""Sudden drops of a loss at regular distances, as where data is repeated.

Axis letters: P row of the curve.
"""

import numpy as np
from numpy.typing import ArrayLike

from epiplexity_jax.analysis.shapes import Values


def stairs(label_tokens: ArrayLike, losses_nats: ArrayLike) -> float | None:
    """Label tokens between sudden drops of a loss, where these come at regular distances.

    A drop is sudden when the means of the rows before and after it differ by five times as much
    as such means commonly do, four times as much as those to its left and right, and by 1 %.

    Args:
        label_tokens: [P] increasing.
        losses_nats: [P].

    Returns:
        The distance, or None where there are not two drops or they are not regular.
    """
    tokens = np.asarray(label_tokens, dtype=np.float64)
    losses = np.asarray(losses_nats, dtype=np.float64)
    window = int(np.clip(losses.size // 40, 1, 8))
    if losses.size < 12 * window:
        return None
    sums = np.concatenate([[0.0], np.cumsum(losses)])
    means = (sums[window:] - sums[:-window]) / window  # of the rows i to i + window - 1
    drops = means[:-window] - means[window:]  # entry i: at row i + window
    typical, far = np.median(np.abs(drops)), 2 * window
    inner = np.arange(far, drops.size - far)
    if not inner.size:
        return None
    around = np.maximum(np.abs(drops[inner - far]), np.abs(drops[inner + far]))
    least = np.maximum(np.maximum(5.0 * typical, 4.0 * around), 0.01 * means[inner])
    found = [
        int(i) + window
        for i in inner[drops[inner] > least]
        if drops[i] == drops[i - window : i + window + 1].max()
    ]
    if len(found) < 2:
        return None
    places = tokens[np.array(found) - 1]
    return float(places[0]) if _are_multiples(places / places[0]) else None


def _are_multiples(counts: Values) -> bool:
    """Return whether places, in units of the first, are different whole numbers.

    Two places are at 1 and 2 by chance more often than three, so they must be nearer to it.
    """
    whole = np.rint(counts)
    if counts.size == 2 and whole[1] != 2:
        return False
    near = 0.02 if counts.size == 2 else 0.1
    return bool(np.all(np.abs(counts - whole) < near) and np.all(np.diff(whole) >= 1))
