"""Flips come at the rate, independent of each other, at a known entropy."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.sources import (
    ElementaryCA,
    FlipLabels,
    Noise,
    from_array,
    from_labelled,
)
from epiplexity_jax.sources import open_source as _open
from epiplexity_jax.sources.maps.flip_labels import DrawnFlips
from epiplexity_jax.sources.spec import Vectors

AUTOMATON = ElementaryCA(rule=54, cells=9, steps=2, burn_in=1)
N = 400


def opened(config) -> Any:
    return _open(config)


def numbered(first=0, count=N):
    """Tokens: the inputs name the sequence, in either order: [i // 20, 20 + i % 20, label]."""
    i = np.arange(first, first + count)
    return from_labelled(np.stack([i // 20, 20 + i % 20], 1), i % 5)


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("of", ["tokens", "vectors", "drawn"])
def test_labels_flip_at_the_rate(of, rate):
    """And to any of the V - 1 others alike, both within 5 standard errors; inputs never."""
    if of == "drawn":
        before = np.tile(np.arange(10), (3000, 1)) % 4
        flip = DrawnFlips((7, 9), 4)
        after = np.asarray(flip(jax.random.key(1), jnp.float32(rate), jnp.asarray(before)))
        assert np.array_equal(np.delete(before, [7, 9], 1), np.delete(after, [7, 9], 1))
        before, after = before[:, [7, 9]].ravel(), after[:, [7, 9]].ravel()
    else:
        inputs = np.arange(6000)[:, None] % 9
        given = from_labelled(inputs if of == "tokens" else inputs / 2, np.arange(6000) % 4)
        read = opened(FlipLabels(source=given, rate=rate)).read(np.arange(6000))
        plain = given.read(np.arange(6000))
        parts = [
            (x.inputs, x.labels) if isinstance(x, Vectors) else (x[:, :-1], x[:, -1:])
            for x in (plain, read)
        ]
        assert np.array_equal(parts[0][0], parts[1][0])
        before, after = (part[1].ravel().astype(int) for part in parts)
    flipped = before != after
    error = math.sqrt(rate * (1 - rate) / 6000)
    assert abs(flipped.mean() - rate) <= 5 * error
    steps = np.bincount((after - before)[flipped] % 4, minlength=4)[1:]
    expected = flipped.sum() / 3
    assert flipped.any() == (rate > 0)
    assert ((steps - expected) ** 2).sum() <= (2 + 5 * math.sqrt(4)) * expected


def test_flips_are_independent_of_each_other():
    """Neighbouring labels of a sequence, and of neighbouring sequences."""
    given = from_array(np.zeros((2000, 20), int), vocab_size=2)
    flips = opened(FlipLabels(source=given, rate=0.5)).read(np.arange(2000)).astype(float)
    for one, other in ((flips[:, 1:], flips[:, :-1]), (flips[1:], flips[:-1])):
        correlation = np.corrcoef(one.ravel(), other.ravel())[0, 1]
        assert abs(correlation) < 5 / math.sqrt(one.size)


def test_the_entropy_of_flips():
    """H2(e) + e ln(V - 1) over a deterministic source: the entropy of the label's distribution."""
    plain: Any = numbered()
    exact = dataclasses.replace(plain, info=dataclasses.replace(plain.info, entropy_rate_nats=0.0))
    for rate in (0.1, 0.8, 1.0):
        others = [rate / 4] * 4
        expected = -sum(p * math.log(p) for p in (1 - rate, *others) if p)
        got = opened(FlipLabels(source=exact, rate=rate)).info.entropy_rate_nats
        assert got == pytest.approx(expected, rel=1e-12)
    binary = opened(FlipLabels(source=AUTOMATON, rate=0.1)).info.entropy_rate_nats
    assert binary == pytest.approx(0.3250829733914482)
    assert opened(FlipLabels(source=Noise(), rate=0.1)).info.entropy_rate_nats is None
    assert opened(FlipLabels(source=Noise(), rate=0)).info.entropy_rate_nats == math.log(96)
    assert opened(FlipLabels(source=plain, rate=0.1)).info.entropy_rate_nats is None
