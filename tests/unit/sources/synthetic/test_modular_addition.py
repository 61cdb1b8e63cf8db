"""Modular addition: sums, and all pairs as a finite source."""

from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.sources import ModularAddition, Replay, open_source
from epiplexity_jax.sources.split import Split


def _open(**config) -> Any:
    return open_source(ModularAddition(**config))


@pytest.mark.parametrize("sign", [False, True])
def test_a_sequence_is_two_numbers_and_their_sum(sign):
    source = _open(modulus=13, equals_sign=sign)
    rows = np.asarray(source.sampler(source.parameters, jax.random.key(0), 3000))
    assert rows.shape == (3000, 4 if sign else 3)
    assert np.array_equal(rows[:, -1], (rows[:, 0] + rows[:, 1]) % 13)
    assert not sign or (rows[:, 2] == 13).all()
    assert len(np.unique(rows[:, :2], axis=0)) == 13**2
    assert source.info.input_vocab_size == (14 if sign else None)
    assert source.info.label_mask.tolist() == [False] * (2 + sign) + [True]
    assert source.info.entropy_rate_nats == 0


@pytest.mark.parametrize("sign", [False, True])
@pytest.mark.parametrize("modulus", [2, 17, 300])
def test_all_pairs_are_there_once(modulus, sign):
    source = _open(modulus=modulus, pairs="all", equals_sign=sign)
    rows = source.read(np.arange(source.sequences)).astype(int)
    assert source.sequences == len(np.unique(rows[:, :2], axis=0)) == modulus**2
    assert np.array_equal(rows[:, -1], (rows[:, 0] + rows[:, 1]) % modulus)


def test_held_out_pairs_are_never_trained_on_however_often_the_others_are():
    source = open_source(Replay(source=ModularAddition(modulus=11, pairs="all"), times=3))
    split = Split(source, 12, 0)
    held = {tuple(row) for row in split.heldout(12)[:, :2].tolist()}
    trained = split.chunks(seed=0, first=0, count=3 * 109, batch_size=1)[:, 0, :2]
    counts = np.unique(trained, axis=0, return_counts=True)[1]
    assert len(held) == 12
    assert held.isdisjoint(map(tuple, trained.tolist()))
    assert (counts == 3).all()
    assert len(counts) == 11**2 - 12
