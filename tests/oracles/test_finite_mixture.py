"""K models with prior weights, one of them true: learning which costs -log2 of its weight.

The mixture's code length is at most that of any of its models plus -log2 of the model's prior
weight, on every sequence (Rissanen 1984); where the posterior gathers on one model it is exactly
that: 10 bits for 1 of 1024.
"""

import functools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from scipy.special import logsumexp

import epiplexity_jax as epx
from epiplexity_jax import coding
from epiplexity_jax.base.config import Config
from epiplexity_jax.families import registry
from epiplexity_jax.families.spec import Cost, Size, Task
from epiplexity_jax.sources.synthetic.noise_markov import stationary_distribution
from epiplexity_jax.sweep.config import Heldout, Prequential, Training

MODELS, VOCAB, LENGTH, TRUTH = 1024, 3, 8, 37
TEST = 1e6
SEEDS = 3


@functools.cache
def chains():
    """Markov chains [K, V, V] and their stationary distributions [K, V]."""
    drawn = np.random.default_rng(0).dirichlet(np.ones(VOCAB), size=(MODELS, VOCAB))
    return drawn, np.stack([stationary_distribution(chain) for chain in drawn])


def sequences(count):
    """Draws [count, L] of the true chain."""
    chain, first = (array[TRUTH] for array in chains())
    uniform = np.random.default_rng(1).random((LENGTH, count, 1))
    drawn = [(uniform[0] >= first.cumsum()[:-1]).sum(axis=1)]
    for u in uniform[1:]:
        drawn.append((u >= chain.cumsum(axis=1)[drawn[-1], :-1]).sum(axis=1))
    return np.stack(drawn, axis=1)


def weights(prior):
    """Prior weights [K] of what a size of the family is called after."""
    if prior == "uniform":
        return np.full(MODELS, 1 / MODELS)
    index = np.arange(MODELS)
    one_over_k = 1.0 / (index + 1) / (index + 2)
    given = {
        "skewed": one_over_k,
        "truth": (index == TRUTH) * 1.0,
        "without the truth": (index != TRUTH) * 1.0,
    }[prior]
    return given / given.sum()


class MixtureCoder:
    """Bayes' predictive distribution over the chains (see `spec.Coder`)."""

    def __init__(self, prior, task):
        transition, first = chains()
        with np.errstate(divide="ignore"):
            self.log_prior = np.log(weights(prior))
        self.log_first, self.log_transition = np.log(first), np.log(transition)
        self.log_seen = np.zeros(MODELS)
        self.task = task
        self.cost = Cost(transition.size, 4.0, 2.0)

    def observe(self, sequences):
        """By the chain rule: the mixture's evidence after a sequence over that before it."""
        now, then = sequences[:, 1:].astype(int), sequences[:, :-1].astype(int)
        nats = self.log_first[:, sequences[:, 0]] + self.log_transition[:, then, now].sum(axis=-1)
        seen = self.log_seen[:, None] + np.concatenate([np.zeros((MODELS, 1)), nats.cumsum(1)], 1)
        self.log_seen = seen[:, -1]
        return -np.diff(logsumexp(self.log_prior[:, None] + seen, axis=0))

    def evaluate(self, sequences):
        """Each token by the average of the chains under the posterior so far."""
        posterior = self.log_prior + self.log_seen
        posterior = np.exp(posterior - logsumexp(posterior))
        transition, first = chains()
        now, then = sequences[:, 1:].astype(int), sequences[:, :-1].astype(int)
        rest = np.log(np.einsum("k,kij->ij", posterior, transition))[then, now]
        return -np.log(posterior @ first)[sequences[:, 0]] - rest.sum(axis=1)


class Mixture(Config):
    """Mixtures of the same chains under several priors."""

    kind: Literal["mixture_of_chains"] = "mixture_of_chains"


@dataclass(frozen=True)
class MixtureFamily:
    """One mixture per prior (see `spec.HostFamily`)."""

    kind: str = "mixture_of_chains"
    seeds: int = SEEDS

    def sizes(self):
        return tuple(Size.of(name=n) for n in ("uniform", "skewed", "truth", "without the truth"))

    def coder(self, size, task: Task):
        return MixtureCoder(str(size), task)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    registry.register(Mixture, lambda config: MixtureFamily(), listed=False)
    return epx.run(
        epx.sources.from_array(sequences(1200), vocab_size=VOCAB),
        Mixture(),
        Prequential(variant="exact"),
        recipe="fixed",
        store=tmp_path_factory.mktemp("mixture") / "store",
        training=Training(steps=250, batch_size=4),
        heldout=Heldout(tokens=100 * LENGTH),
    )


def pairs(runs, prior):
    """Each seed's curve under a prior, with that of the truth on the same tokens."""
    curves = {(c.size, c.seed): c for c in runs.curves()}
    return [(curves[prior, seed], curves["truth", seed]) for seed in range(SEEDS)]


def regret(curve, truth):
    """Bits, at every record point."""
    return (curve.online.sum_nats - truth.online.sum_nats) / math.log(2)


@pytest.mark.parametrize("prior", ["uniform", "skewed"])
def test_regret_stays_below_the_price_of_the_truth_and_comes_to_it(prior, runs):
    price = -math.log2(weights(prior)[TRUTH])
    assert prior == "skewed" or price == 10.0
    for curve, truth in pairs(runs, prior):
        paid = regret(curve, truth)
        assert (paid <= price + 1e-9).all()
        assert paid[-1] == pytest.approx(price, rel=1e-9)
        assert paid[1] < price - 0.1, "four sequences do not tell 1024 chains apart"


@pytest.mark.parametrize("prior", ["uniform", "skewed"])
def test_the_exact_model_length_is_the_price_of_the_truth(prior, runs):
    """The final posterior is the truth, so the area above it holds the choice and nothing else."""
    price = -math.log2(weights(prior)[TRUTH])
    rows = [row for row in runs.rows(TEST, variant="exact") if row["size"] == prior]
    assert len(rows) == SEEDS
    for row in rows:
        assert row["model_bits"] == pytest.approx(price, rel=1e-9)


@pytest.mark.parametrize("prior", ["uniform", "skewed"])
def test_an_online_length_above_the_truths_loss_is_the_price_of_the_truth(prior, runs):
    price = -math.log2(weights(prior)[TRUTH])
    for curve, truth in pairs(runs, prior):
        tokens = curve.label_tokens[-1]
        floor = truth.online.sum_nats[-1] / tokens
        length = coding.online_length(curve.online.sum_nats[-1], tokens, floor)
        assert float(length) == pytest.approx(price, rel=1e-9)


def test_the_mixture_ends_where_the_truth_always_was(runs):
    for curve, truth in pairs(runs, "uniform"):
        assert curve.ema.loss_nats[-1] == pytest.approx(truth.ema.loss_nats[-1], rel=1e-9)
        assert truth.ema.loss_nats[-1] == pytest.approx(truth.ema.loss_nats[0], rel=1e-9)
        assert curve.ema.loss_nats[0] > truth.ema.loss_nats[0] + 4 * curve.ema.stderr_nats[0]


def test_without_the_truth_regret_grows_for_ever(runs):
    """By the divergence of the nearest chain a token, instead of stopping at 10 bits."""
    for curve, truth in pairs(runs, "without the truth"):
        paid = regret(curve, truth)
        halfway = np.searchsorted(curve.steps, curve.steps[-1] // 2)
        assert paid[-1] > 1.5 * paid[halfway] > 15.0
