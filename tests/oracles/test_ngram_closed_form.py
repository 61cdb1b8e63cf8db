"""Bayesian n-grams have code lengths in closed form, and regrets that theory knows."""

import math

import numpy as np
import pytest
from scipy.special import gammaln

from epiplexity_jax.families.ngram import NgramCoder
from epiplexity_jax.families.spec import Task

LENGTH = 100


def closed_form(sequences, order, alpha, vocab):
    """Nats: a ratio of Gamma functions per context (a dictionary of counts, no vector code)."""
    counts = {}
    padded = np.concatenate([np.full((len(sequences), order), -1), sequences], axis=1)
    for row in padded.tolist():
        for i in range(order, len(row)):
            counts.setdefault(tuple(row[i - order : i]), np.zeros(vocab))[row[i]] += 1
    return sum(
        gammaln(n.sum() + vocab * alpha)
        - gammaln(vocab * alpha)
        - (gammaln(n + alpha) - gammaln(alpha)).sum()
        for n in counts.values()
    )


def source(vocab, tokens, seed=0):
    """Skewed first-order Markov sequences, [n, LENGTH]."""
    rng = np.random.default_rng(seed)
    cdf = rng.dirichlet(np.full(vocab, 0.3), size=vocab).cumsum(axis=1)
    cdf[:, -1] = 1.0
    uniform = rng.random((tokens // LENGTH, LENGTH))
    out = np.zeros(uniform.shape, np.int64)
    state = rng.integers(vocab, size=len(out))
    for i in range(LENGTH):
        state = (uniform[:, i, None] > cdf[state]).sum(axis=1)
        out[:, i] = state
    return out


@pytest.mark.parametrize(
    ("order", "alpha", "vocab"),
    [(0, 0.5, 96), (1, 0.5, 27), (2, 0.5, 96), (2, 1.0, 5), (3, 0.1, 3)],
)
def test_code_length_equals_the_gamma_functions_on_a_million_tokens(order, alpha, vocab):
    sequences = source(vocab, 1_000_000)
    coder = NgramCoder(order, alpha, Task(vocab, LENGTH, (True,) * LENGTH))
    coded = sum(coder.observe(part).sum() for part in np.array_split(sequences, 7))
    assert coded == pytest.approx(closed_form(sequences, order, alpha, vocab), rel=1e-9)


@pytest.mark.parametrize("vocab", [2, 4])
def test_regret_grows_by_half_a_logarithm_per_parameter(vocab):
    """KT against the true distribution: (V-1)/2 log n + constant (Krichevsky, Trofimov 1981).

    The regret's spread between sequences is O(1) nats; 40 of them leave 0.2 nats of error.
    """
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(vocab, 3.0))
    task = Task(vocab, LENGTH, (True,) * LENGTH)
    regrets = []
    for tokens in (10_000, 160_000):
        draws = []
        for _ in range(40):
            tokens_drawn = rng.choice(vocab, p=p, size=(tokens // LENGTH, LENGTH))
            coded = NgramCoder(0, 0.5, task).observe(tokens_drawn).sum()
            draws.append(coded + np.log(p)[tokens_drawn].sum())
        regrets.append((np.mean(draws), np.std(draws, ddof=1) / math.sqrt(len(draws))))
    growth = regrets[1][0] - regrets[0][0]
    error = math.hypot(regrets[0][1], regrets[1][1])
    assert growth == pytest.approx((vocab - 1) / 2 * math.log(16), abs=4 * error)
