"""Entropies of automata against published counts and states evolved one by one."""

import math

import numpy as np
import pytest

from epiplexity_jax.sources.synthetic.automata_entropy import image_nats, is_permutation
from tests.unit.sources.synthetic.test_automata import naive

# H(Y), bits, of the state after 1, 2 and 8 steps of rule 30 from uniform bits, of a table of exact
# counts over all states of the ring that another program made.
COUNTED = {
    (8, 1): 7.74219,
    (8, 2): 7.4568,
    (8, 8): 6.7068,
    (12, 1): 11.8631,
    (12, 2): 11.7392,
    (12, 8): 11.1088,
    (16, 1): 15.9287,
    (16, 2): 15.857,
    (16, 8): 15.4891,
}


def every_state(cells):
    """All states of a ring, [2^n, n]."""
    return np.arange(1 << cells)[:, None] >> np.arange(cells) & 1


@pytest.mark.parametrize(("cells", "steps"), COUNTED)
def test_counted_entropies_of_rule_30(cells, steps):
    nats = image_nats(30, cells, steps)
    assert nats is not None
    assert nats / math.log(2) == pytest.approx(COUNTED[cells, steps], rel=1e-5)


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize("rule", [0, 30, 54, 90, 110, 184])
def test_entropies_of_states_one_by_one(rule, steps):
    states = every_state(7)
    _, counts = np.unique(naive(states, rule, steps), axis=0, return_counts=True)
    expected = -(counts / 128 * np.log(counts / 128)).sum()
    assert image_nats(rule, 7, steps) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("cells", range(1, 9))
def test_permutations_are_what_loses_no_state(cells):
    states = every_state(cells)
    for rule in range(256):
        images = len(np.unique(naive(states, rule, 1), axis=0))
        assert is_permutation(rule, cells) == (images == len(states)), rule


def test_large_rings():
    """Rotations and negations permute every ring, rule 150 those of no multiple of 3 cells."""
    always = [rule for rule in range(256) if all(is_permutation(rule, n) for n in (60, 64, 1000))]
    assert always == [15, 51, 85, 170, 204, 240]
    assert [n for n in range(60, 70) if not is_permutation(150, n)] == [60, 63, 66, 69]
    assert image_nats(150, 64, 9) == 64 * math.log(2)
    assert image_nats(30, 64, 0) == 64 * math.log(2)
    assert image_nats(30, 17, 1) is None
