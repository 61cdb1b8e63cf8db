"""Error factors: independent unit errors, by name, and how far each moves a length.

The factors of a name are the same errors wherever that name stands, so two lengths vary together as
far as their factors agree: blocks of the held-out set that all members of a source score, batches
of a stream that all sizes of a seed read. Axis letters: Q unit error of a name, R record point.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from epiplexity_jax.analysis.shapes import AnyRows, Rows, Units, Values

Factors = Mapping[str, Rows]
"""By name, [Q, R] the change of a value at every record point per unit of each error."""


def add(*terms: tuple[Factors, Values | float]) -> dict[str, Rows]:
    """Add factors, each scaled.

    Args:
        terms: factors, and the number [R] or [] that multiplies them.
    """
    total: dict[str, Rows] = {}
    for factors, scale in terms:
        for name, rows in factors.items():
            total[name] = _sum(total.get(name), scale * rows)
    return total


def summed(factors: Factors, weights: Rows) -> dict[str, Rows]:
    """Factors of weighted sums over record points.

    Args:
        factors: those of the values that are summed.
        weights: [R, R] of each value in each sum.
    """
    return {name: rows @ weights for name, rows in factors.items()}


def mean(terms: Iterable[Factors]) -> dict[str, Rows]:
    """Average over seeds: errors of one name add up, those of different names do not."""
    terms = list(terms)
    return add(*((factors, 1.0 / len(terms)) for factors in terms))


def _sum(a: Rows | None, b: Rows) -> Rows:
    """Rows of two terms; one that ends earlier has fewer batches and so fewer errors."""
    if a is None:
        return b
    short, long = sorted((a, b), key=len)
    total = np.array(np.broadcast_to(long, np.broadcast_shapes(long.shape, (1, short.shape[1]))))
    total[: len(short)] += short
    return total


def variance(factors: Factors, like: Values) -> Values:
    """[R] variance of what the factors move.

    Args:
        factors: factors of the error, by name.
        like: [R] an array of the result's size.
    """
    return sum((np.sum(rows**2, axis=0) for rows in factors.values()), np.zeros_like(like))


def drawn(factors: Factors, errors: Mapping[str, Units], like: AnyRows) -> Rows:
    """Draws [K, R] of what the factors move.

    Args:
        factors: factors of the error, by name.
        errors: draws of the unit errors, by name, [K, Q or more].
        like: [K, R] an array of the result's size.
    """
    return sum(
        (errors[name][:, : len(rows)] @ rows for name, rows in factors.items()),
        np.zeros_like(like),
    )


def of_blocks(blocks: Rows) -> Rows:
    """Turn block values [B, R] into factors whose squares sum to the variance of their mean."""
    count = blocks.shape[0]
    return (blocks - blocks.mean(axis=0)) / np.sqrt(count * (count - 1.0))
