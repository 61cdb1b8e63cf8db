"""The entropy of an automaton's state some steps after uniform random bits, where it is known."""

import math

import numpy as np
from jaxtyping import Bool, Int64

from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats

_COUNTED = 16  # cells up to which the states of a ring are counted


def image_nats(rule: int, cells: int, steps: int) -> float | None:
    """Find the entropy of the state `steps` steps after uniform bits; None where it is not known.

    It is n ln 2 on rings of n cells that the rule permutes, and else counted over all 2^n states up
    to n = 16.

    Args:
        rule: Wolfram's number of the rule.
        cells: n, cells of the ring.
        steps: steps from the uniform bits to the state.

    >>> round(image_nats(30, 12, 2) / math.log(2), 4)
    11.7392
    """
    if steps == 0 or is_permutation(rule, cells):
        return cells * math.log(2)
    if cells > _COUNTED:
        return None
    counts = np.bincount(_states_after(rule, cells, steps))
    return float(entropy_nats(counts / counts.sum()))


def is_permutation(rule: int, cells: int) -> bool:
    """Return whether no two states of a ring of n cells have the same next state.

    Two different states with the same next one are a closed walk of n edges through two copies of
    the rule: a node is the two neighbouring cells of either state, an edge adds a cell to both and
    needs equal cells of the next states. One of its nodes has cells that differ.

    >>> is_permutation(170, 64), is_permutation(45, 9), is_permutation(45, 8)
    (True, True, False)
    """
    differ = ~np.eye(4, dtype=bool).reshape(-1)
    return not np.diag(_power(_equal_images(rule), cells))[differ].any()


def _equal_images(rule: int) -> Bool[np.ndarray, "16 16"]:
    """Edges between two neighbouring cells of two states, at 4 a + b, and the next two of both."""
    edges = np.zeros((4, 4, 4, 4), bool)
    for a, b in np.ndindex(8, 8):  # the neighbourhoods of one cell in either state
        edges[a >> 1, b >> 1, a & 3, b & 3] = (rule >> a ^ rule >> b) & 1 == 0
    return edges.reshape(16, 16)


def _power(matrix: Bool[np.ndarray, "n n"], exponent: int) -> Bool[np.ndarray, "n n"]:
    """Find where walks of `exponent` edges lead, by squaring."""
    result = np.eye(len(matrix), dtype=bool)
    while exponent:
        if exponent & 1:
            result = result @ matrix
        matrix, exponent = matrix @ matrix, exponent >> 1
    return result


def _states_after(rule: int, cells: int, steps: int) -> Int64[np.ndarray, " states"]:
    """Evolve every state of a ring, cell i its bit i, by squaring."""
    states = np.arange(1 << cells, dtype=np.int64)
    left = (states << 1 | states >> (cells - 1)) & (len(states) - 1)
    right = states >> 1 | (states & 1) << (cells - 1)
    after = np.zeros_like(states)
    for cell in range(cells):
        neighbours = 4 * (left >> cell & 1) + 2 * (states >> cell & 1) + (right >> cell & 1)
        after |= (rule >> neighbours & 1) << cell
    while steps:
        if steps & 1:
            states = after[states]
        after, steps = after[after], steps >> 1
    return states
