"""Spurious and core features: agreement with the label, and what each tells of it."""

import itertools
import math
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.sources import TwoFeatures, open_source
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats
from epiplexity_jax.sources.synthetic.two_features import feature_entropies

DRAWS = 20_000


def draw(**config):
    """Spurious feature, core bits [n, k] and label."""
    source: Any = open_source(TwoFeatures(**config))
    rows = np.asarray(source.sampler(source.parameters, jax.random.key(0), DRAWS))
    return rows[:, 0], rows[:, 1:-1], rows[:, -1]


@pytest.mark.parametrize("bits", [1, 2, 5])
@pytest.mark.parametrize(("spurious", "core"), [(0.9, 1.0), (0.5, 0.8), (0.0, 0.3), (1.0, 0.0)])
def test_features_agree_with_the_label_as_often_as_asked(spurious, core, bits):
    simple, cells, label = draw(core_bits=bits, spurious=spurious, core=core)
    parity = np.bitwise_xor.reduce(cells, axis=1)
    agree = [simple == label, parity == label]
    for found, wanted in zip(agree, (spurious, core), strict=True):
        assert abs(found.mean() - wanted) <= 5 * math.sqrt(wanted * (1 - wanted) / DRAWS)
    assert abs(label.mean() - 0.5) < 5 * 0.5 / math.sqrt(DRAWS)
    together = (agree[0] & agree[1]).mean() - spurious * core
    assert abs(together) <= 5 * 0.5 / math.sqrt(DRAWS), "they err independently"


def test_less_than_the_parity_says_nothing():
    _, cells, label = draw(core_bits=3, core=1.0)
    for part in itertools.combinations(range(3), 2):
        number = cells[:, part] @ np.array([1, 2])
        means = [label[number == value].mean() for value in range(4)]
        assert np.allclose(means, 0.5, atol=5 * 0.5 / math.sqrt(DRAWS / 5))


@pytest.mark.parametrize(
    ("spurious", "core"), [(0.9, 1.0), (0.9, 0.8), (0.5, 0.7), (0.2, 0.3), (1.0, 0.0), (0.5, 0.5)]
)
def test_entropies_are_those_of_the_joint_distribution(spurious, core):
    """Over all values of label, spurious and core feature."""
    joint = np.zeros((2, 2, 2))
    for y, s, q in itertools.product(range(2), repeat=3):
        of_s, of_q = (p if x == y else 1 - p for x, p in ((s, spurious), (q, core)))
        joint[y, s, q] = of_s * of_q / 2
    entropy = lambda axes: float(entropy_nats(joint.sum(axis=axes).ravel()))  # noqa: E731
    found = feature_entropies(TwoFeatures(spurious=spurious, core=core))
    assert found.spurious == pytest.approx(entropy((2,)) - entropy((0, 2)))
    assert found.core == pytest.approx(entropy((1,)) - entropy((0, 1)))
    assert found.both == pytest.approx(entropy(()) - entropy((0,)), abs=1e-12)
    info = open_source(TwoFeatures(spurious=spurious, core=core)).info
    assert info.entropy_rate_nats == found.both
    assert found.both <= min(found.spurious, found.core) + 1e-12
