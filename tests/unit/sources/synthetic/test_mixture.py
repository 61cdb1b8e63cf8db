"""Finite mixtures: the price of not knowing the model, and entropies over all sequences."""

import itertools
import math
from typing import Any

import jax
import numpy as np
import pytest
from scipy.special import logsumexp

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import Markov, Mix, Mixture, open_source
from epiplexity_jax.sources.synthetic.mixture import random_chains, random_words
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats
from epiplexity_jax.sources.synthetic.zipf import zipf_law


def draw(config, count):
    """Sequences [count, L], and the model of each."""
    source: Any = open_source(config)
    key = jax.random.key(0)
    tokens = jax.jit(source.sampler, static_argnums=2)(source.parameters, key, count)
    model = source.sampler.model_of(source.parameters, key, count)
    return np.asarray(tokens), np.asarray(model)


def log_likelihoods(config, tokens):
    """Nats of sequences [n, L] under each chain: log probabilities [K, n]."""
    first, transition = random_chains(config)
    steps = np.log(transition)[:, tokens[:, :-1], tokens[:, 1:]].sum(axis=-1)
    return np.log(first)[:, tokens[:, 0]] + steps


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_bayes_pays_at_most_the_price_of_the_model_and_comes_to_it(exponent):
    """Of 1024 chains alike 10 bits, whole sequences of 600 tokens."""
    config = Mixture(models=1024, vocab_size=4, length=600, exponent=exponent)
    tokens, model = draw(config, 64)
    nats = log_likelihoods(config, tokens)
    log_prior = np.log(zipf_law(1024, exponent))
    price = -log_prior[model] / math.log(2)
    truth = nats[model, np.arange(64)]
    paid = (truth - logsumexp(log_prior[:, None] + nats, axis=0)) / math.log(2)
    assert (paid <= price + 1e-9).all()
    assert np.mean(paid > price - 1e-3) > 0.9
    assert exponent or (price == 10.0).all()
    early = log_likelihoods(config, tokens[:, :4])
    gained = early[model, np.arange(64)] - logsumexp(log_prior[:, None] + early, axis=0)
    assert np.mean(gained / math.log(2) < price - 1) > 0.8, "4 tokens find no chain of 1024"


def test_a_mix_of_markov_sources_has_the_same_price():
    """Of 4 chains with weights 4, 2, 1 and 1: 1, 2, 3 and 3 bits."""
    config = Mixture(models=4, vocab_size=4, length=400)
    rows = random_chains(config)[1].tolist()
    weights = (4, 2, 1, 1)
    parts = [
        {"weight": w, "source": Markov(matrix=m, length=400)}
        for w, m in zip(weights, rows, strict=True)
    ]
    source: Any = open_source(Mix(sources=parts))  # pyright: ignore[reportArgumentType]
    drawn = (source.parameters, jax.random.key(0), 64)
    tokens = np.asarray(source.sampler(*drawn))
    model = np.asarray(source.sampler.component_of(*drawn))
    nats = log_likelihoods(config, tokens)
    evidence = logsumexp(np.log(np.array(weights) / 8)[:, None] + nats, axis=0)
    paid = (nats[model, np.arange(64)] - evidence) / math.log(2)
    assert np.allclose(paid, np.array([1, 2, 3, 3])[model], atol=1e-6)
    assert source.info.entropy_rate_nats is None


def test_sequences_are_of_the_model_that_is_named():
    """Their mean likelihood is the chain's entropy, within 5 standard errors."""
    config = Mixture(models=5, vocab_size=3, length=200)
    tokens, model = draw(config, 400)
    nats = -log_likelihoods(config, tokens)[model, np.arange(400)]
    first, transition = random_chains(config)
    steps = (first * entropy_nats(transition)).sum(axis=1)
    excess = nats - (entropy_nats(first) + 199 * steps)[model]
    assert abs(excess.mean()) < 5 * excess.std() / 20
    assert set(model) == set(range(5))


@pytest.mark.parametrize(("models", "vocab", "length"), [(3, 2, 5), (2, 3, 4), (1, 4, 3)])
def test_the_entropy_of_chains_is_the_sum_over_all_sequences(models, vocab, length):
    config = Mixture(models=models, vocab_size=vocab, length=length, exponent=0.5)
    every = np.array(list(itertools.product(range(vocab), repeat=length)))
    log_prior = np.log(zipf_law(models, 0.5))
    nats = logsumexp(log_prior[:, None] + log_likelihoods(config, every), axis=0)
    assert np.exp(nats).sum() == pytest.approx(1)
    expected = -(np.exp(nats) * nats).sum() / length
    assert open_source(config).info.entropy_rate_nats == pytest.approx(expected, rel=1e-12)


def test_the_entropy_is_between_its_bounds_and_not_known_of_long_sequences():
    config = Mixture(models=8, vocab_size=2, length=12)
    first, transition = random_chains(config)
    inside = entropy_nats(first) + 11 * (first * entropy_nats(transition)).sum(axis=1)
    found = 12 * (open_source(config).info.entropy_rate_nats or 0)
    assert inside.mean() < found < inside.mean() + math.log(8)
    assert open_source(Mixture(length=13)).info.entropy_rate_nats is None


def test_periodic_models_cost_their_weight_and_nothing_else():
    config = Mixture(of="periodic", models=1024, vocab_size=16, length=64, period=16)
    tokens, model = draw(config, 50)
    assert np.array_equal(tokens, random_words(config)[model])
    assert np.array_equal(tokens[:, :-16], tokens[:, 16:])
    rate = open_source(config).info.entropy_rate_nats
    assert rate is not None
    assert rate * 64 / math.log(2) == pytest.approx(10)


def test_equal_words_are_one_model():
    """All 1000 words of one bit are two."""
    config = Mixture(of="periodic", models=1000, vocab_size=2, length=9, period=1)
    ones = random_words(config)[:, 0].mean()
    rate = open_source(config).info.entropy_rate_nats
    assert rate == pytest.approx(entropy_nats(np.array([ones, 1 - ones])) / 9)


def test_a_word_is_no_longer_than_the_sequence_by_default():
    words = random_words(Mixture(of="periodic", length=3, models=40, vocab_size=9))
    assert words.shape == (40, 3)
    assert (words[:, 0] != words[:, 2]).any()


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"period": 4}, "period: markov models do not have it; leave it out"),
        (
            {"of": "periodic", "concentration": 2.0},
            "concentration: periodic models do not have it; leave it out",
        ),
        (
            {"of": "periodic", "period": 9, "length": 8},
            "period: expected at most length, which is 8, got 9",
        ),
        (
            {"models": 1 << 16, "vocab_size": 100},
            "models: expected a table of 16777216 entries or fewer, got 655360000; lower models",
        ),
    ],
)
def test_what_is_no_mixture(config, sentence):
    with pytest.raises(ConfigError) as caught:
        Mixture(**config)
    assert str(caught.value) == sentence
