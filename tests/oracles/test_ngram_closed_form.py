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


def markov(rng, chain, first, n):
    """Sequences [n, LENGTH] of a chain [V, V] with stationary start, and their true nats [n]."""
    vocab = len(first)
    out = np.empty((n, LENGTH), np.int64)
    out[:, 0] = rng.choice(vocab, p=first, size=n)
    cdf = chain.cumsum(axis=1)
    cdf[:, -1] = 1.0
    for i in range(1, LENGTH):
        out[:, i] = (rng.random(n)[:, None] > cdf[out[:, i - 1]]).sum(axis=1)
    nats = -np.log(first)[out[:, 0]] - np.log(chain)[out[:, :-1], out[:, 1:]].sum(axis=1)
    return out, nats


def stationary(chain):
    values, vectors = np.linalg.eig(chain.T)
    first = np.real(vectors[:, np.argmax(np.real(values))])
    return first / first.sum()


def test_a_markov_chain_is_learnt_down_to_its_entropy_rate():
    """Order 1 on an order-1 chain: the excess over the truth is k/(2 n) nats per token.

    k counts free probabilities, V - 1 in each of V + 1 contexts. Excess is measured against the
    true probabilities of the same tokens, so it has no sampling noise of the data's entropy; its
    mean over replicates must agree within 4 standard errors at every n, and be above 0.
    """
    rng = np.random.default_rng(2)
    vocab, replicates = 3, 60
    chain = rng.dirichlet(np.full(vocab, 5.0), size=vocab)
    first = stationary(chain)
    rate = -(first[:, None] * chain * np.log(chain)).sum()
    begin = -(first * np.log(first)).sum()
    floor = (begin + (LENGTH - 1) * rate) / LENGTH
    free = (vocab - 1) * (vocab + 1)
    for n in (100, 1600):
        excess, rates = [], []
        for _ in range(replicates):
            coder = NgramCoder(1, 0.5, Task(vocab, LENGTH, (True,) * LENGTH))
            trained, nats = markov(rng, chain, first, n)
            regret = coder.observe(trained).sum() - nats.sum()
            assert regret > 0
            heldout, nats = markov(rng, chain, first, n)
            losses = coder.evaluate(heldout)
            excess.append(losses.sum() - nats.sum())
            rates.append(losses.mean() / LENGTH)
        error = np.std(excess, ddof=1) / math.sqrt(replicates)
        assert np.mean(excess) == pytest.approx(free / 2, abs=4 * error)
        assert np.mean(excess) > 4 * error
        loss, spread = np.mean(rates), np.std(rates, ddof=1) / math.sqrt(replicates)
        assert loss == pytest.approx(floor + free / 2 / (n * LENGTH), abs=4 * spread)


def test_a_longer_memory_than_the_source_has_pays_for_its_contexts():
    """On a first-order chain order 1 beats order 0, and order 2 costs more bits to learn."""
    sequences = source(5, 200_000)
    half = len(sequences) // 2
    coded, heldout = [], []
    for order in (0, 1, 2):
        coder = NgramCoder(order, 0.5, Task(5, LENGTH, (True,) * LENGTH))
        coded.append(coder.observe(sequences[:half]).sum())
        heldout.append(coder.evaluate(sequences[half:]).sum())
    assert coded[1] < coded[2] < coded[0]
    assert heldout[1] < heldout[2] < heldout[0]
    assert coded[2] - coded[1] < 5 * 5 * 4 / 2 * math.log(200_000)
