"""Letters of groups: two datasets share one unless they are separated."""

import itertools

import numpy as np
import pytest

from epiplexity_jax.analysis.ranking.groups import groups_of, letters_of


@pytest.mark.parametrize("seed", range(20))
def test_two_share_a_letter_unless_they_are_separated(seed):
    generator = np.random.default_rng(seed)
    count = int(generator.integers(1, 8))
    pairs = list(itertools.combinations(range(count), 2))
    apart = {pair for pair in pairs if generator.random() < 0.5}
    groups = groups_of(count, apart)
    letters = letters_of(count, groups)
    for pair in pairs:
        shared = set(letters[pair[0]]) & set(letters[pair[1]])
        assert bool(shared) == (pair not in apart)
    assert all(letters)
    assert len(groups) == len(set(groups))
    assert not any(set(a) < set(b) for a, b in itertools.permutations(groups, 2))


def test_there_are_more_groups_than_letters():
    groups = [(i,) for i in range(30)]
    assert letters_of(30, groups)[25:28] == ["z", "a2", "b2"]
