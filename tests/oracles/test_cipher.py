"""The output of ChaCha20 in counter mode: log2 V bits per token to whoever lacks the key.

Every statement about the cipher would be false of the Markov chain that is measured beside it in
the same sweep.
"""

import functools
import math

import pytest

import epiplexity_jax as epx
from epiplexity_jax import analysis
from epiplexity_jax.sweep.config import Heldout, Training

VOCAB, LENGTH = 16, 16
TEST = 1e7
SOURCES = {
    "cipher": epx.sources.Cipher(vocab_size=VOCAB, length=LENGTH, sequences=60_000),
    "chain": epx.sources.Markov(vocab_size=VOCAB, length=LENGTH, concentration=0.3),
}
MEMBERS = {
    # (family, training); counts take few and large steps, each of another size compiles a draw
    "transformer": (
        epx.families.Transformer(widths=(8,), depths=(1,), seeds=2),
        Training(steps=300, batch_size=32),
    ),
    "ngram": (epx.families.Ngram(orders=(0, 1, 2), seeds=2), Training(steps=12, batch_size=800)),
}
KINDS = pytest.mark.parametrize(
    "kind", [pytest.param("transformer", marks=pytest.mark.slow), "ngram"]
)


@pytest.fixture(scope="module")
def runs_of(tmp_path_factory):
    """The runs of a kind of family, trained when they are first asked for."""

    @functools.cache
    def run(kind):
        family, training = MEMBERS[kind]
        return epx.run(
            SOURCES,
            family,
            recipe="fixed",
            store=tmp_path_factory.mktemp(kind) / "store",
            training=training,
            heldout=Heldout(tokens=90_000, record_tokens=45_000),
        )

    return run


def excess(curve):
    """Nats per token above ln V at the end, and its standard error."""
    return curve.ema.loss_nats[-1] - math.log(VOCAB), curve.ema.stderr_nats[-1]


@KINDS
def test_no_budget_buys_structure_of_a_cipher_and_every_bit_is_entropy(kind, runs_of):
    runs = runs_of(kind)
    frontier = runs.frontier(TEST, "cipher")
    for compute in frontier.budgets():
        found = frontier.at(compute)
        assert found.status == "untrained"
        assert found.epiplexity_bits == 0.0
        assert found.entropy_bits_per_token == pytest.approx(math.log2(VOCAB), rel=1e-12)
    beside = runs.frontier(TEST, "chain")
    found = beside.at(beside.budgets()[-1])
    assert found.status != "untrained"
    assert found.mdl_bits_interval[1] < TEST * math.log2(VOCAB)


@KINDS
def test_no_model_predicts_a_cipher_better_than_by_guessing(kind, runs_of):
    runs = runs_of(kind)
    for curve in runs.curves("cipher"):
        above, error = excess(curve)
        assert above > -4 * error
    for curve in runs.curves("chain"):
        above, error = excess(curve)
        assert above < -20 * error, "held-out losses can fall, and these did"


@pytest.mark.slow
@pytest.mark.parametrize("floor", ["ema", "raw"])
def test_the_paired_area_of_a_cipher_is_the_jitter_of_weights_alone(floor, runs_of):
    """Weights that were trained are worse than those at the start, and not all by the same.

    This is in the curve, whatever the tokens that it is measured on: of 24 seeds the area was up to
    4.5 of its errors from zero. It is under 0.1 % of the tokens' code.
    """
    for curve in runs_of("transformer").curves():
        scored = analysis.score(curve, TEST, "paired", floor)
        error = math.hypot(scored.model_stderr[-1], scored.interpolation_error_bits[-1])
        jitter = 1e-3 * curve.label_tokens[-1] * math.log2(VOCAB)
        assert error < jitter
        if curve.source == "cipher":
            assert abs(scored.model_bits[-1]) < jitter
        else:
            assert scored.model_bits[-1] > 20 * max(error, jitter)


def test_counts_of_a_cipher_lose_half_a_nat_per_parameter_and_token_seen(runs_of):
    """Estimating k free probabilities from n tokens costs k / (2 n) nats on every new token."""
    for curve in runs_of("ngram").curves("cipher"):
        contexts = sum(VOCAB**near for near in range(curve.order + 1))
        lost = (VOCAB - 1) * contexts / 2 / curve.label_tokens[-1]
        above, error = excess(curve)
        assert above == pytest.approx(lost, abs=4 * error)
        assert curve.order < 2 or above > 4 * error, "a loss that can be seen"
