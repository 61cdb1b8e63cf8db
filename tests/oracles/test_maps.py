"""What maps do to the entropy of a source, measured by counts: known answers of each.

Encrypting makes noise of a chain, sorting takes ln n! from a permutation of n symbols, and other
tokens of the same data leave the bits of its bytes as they were.
"""

import functools
import math
from typing import Any

import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax.sweep.config import Heldout, Training

MATRIX = ((0.7, 0.2, 0.05, 0.05), (0.1, 0.1, 0.7, 0.1), (0.2, 0.2, 0.2, 0.4), (0.5, 0.3, 0.1, 0.1))
PLACES = 4  # of a permutation, all of which counts of order 3 see
TEST = 1e7
src = epx.sources
CHAIN = src.Markov(matrix=MATRIX, length=64)


def chain_of_bytes() -> Any:
    """A text of the chain, each of whose symbols is one byte, in windows of the chain's length."""
    long = src.Markov(matrix=MATRIX, length=4096)
    drawn: Any = src.open_source(src.Subsample(source=long, sequences=320))
    symbols = drawn.read(np.arange(drawn.sequences)).reshape(-1)
    return src.from_array(symbols, vocab_size=4, length=CHAIN.length, bytes_per_token=1)


def permutations() -> Any:
    return src.Shuffle(source=src.from_array(np.tile(np.arange(PLACES), (100_000, 1))))


@pytest.fixture(scope="module")
def runs_of(tmp_path_factory):
    """Runs of named sources, with one order of counts each."""

    @functools.cache
    def run(name):
        chain = chain_of_bytes()
        sources, order, batch = {
            "encrypted": (
                {
                    "chain": CHAIN,
                    "drawn": src.Encrypt(source=CHAIN, algorithm="threefry"),
                    "read": src.Encrypt(source=chain, algorithm="aes"),
                },
                1,
                1000,
            ),
            "sorted": (
                {"random": permutations(), "sorted": src.Sort(source=permutations())},
                PLACES - 1,
                8000,
            ),
            "tokens": (
                {
                    "symbols": chain,
                    "chunks": src.Retokenise(source=chain, into="chunk", group=2),
                    "bpe": src.Retokenise(source=chain, into="bpe", vocab_size=12),
                },
                1,
                900,
            ),
        }[name]
        return epx.run(
            sources,
            epx.families.Ngram(orders=(order,), seeds=1),
            recipe="fixed",
            store=tmp_path_factory.mktemp(name) / "store",
            training=Training(steps=8, batch_size=batch),
            heldout=Heldout(tokens=40_000),
        )

    return run


def loss(curve):
    return curve.ema.loss_nats[-1], 4 * curve.ema.stderr_nats[-1]


@pytest.mark.parametrize("source", ["drawn", "read"])
def test_an_encrypted_chain_is_noise(source, runs_of):
    """Of the chain itself the same counts find the structure."""
    runs = runs_of("encrypted")
    frontier = runs.frontier(TEST, source)
    found = frontier.at(frontier.budgets()[-1])
    assert found.status == "untrained"
    assert found.epiplexity_bits == 0.0
    assert found.entropy_bits_per_token == pytest.approx(2.0, rel=1e-12)
    curves = {curve.source: curve for curve in runs.curves()}
    nats, error = loss(curves[source])
    assert nats > math.log(4) - error
    nats, error = loss(curves["chain"])
    assert abs(nats - curves["chain"].entropy_rate_nats) < error + 1e-3
    assert nats < math.log(4) - 10 * error


def test_sorting_random_permutations_takes_log_n_factorial(runs_of):
    curves = {curve.source: curve for curve in runs_of("sorted").curves()}
    before, error = loss(curves["random"])
    after, _ = loss(curves["sorted"])
    counting = PLACES**PLACES / curves["random"].label_tokens[-1]
    assert abs((before - after) * PLACES - math.lgamma(PLACES + 1)) < PLACES * (error + counting)
    assert error + counting < 0.01
    assert after < 1e-3


@pytest.mark.parametrize(("tokens", "left"), [("symbols", 1e-3), ("chunks", 1e-3), ("bpe", 0.01)])
def test_bits_per_byte_do_not_depend_on_the_tokens(tokens, left, runs_of):
    """Every token's bits over its bytes are the entropy rate of the chain.

    Counts lose little; a first token, which is not the chain's next one, costs more, and a token of
    byte-pair encoding tells a little less than all tokens before it.
    """
    rate = src.open_source(CHAIN).info.entropy_rate_nats
    assert rate is not None
    curve = next(curve for curve in runs_of("tokens").curves() if curve.source == tokens)
    nats, error = loss(curve)
    width = curve.bytes_per_token
    assert abs(nats / width - rate) < error / width + left
    assert error / width + left < 0.05 * rate
