"""A stationary Markov chain: held-out losses converge to its entropy rate, from above."""

import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax.sweep.config import Heldout, Training

CHAIN = epx.sources.Markov(vocab_size=4, concentration=0.5, table_seed=1, length=32)
FAMILIES = {
    # (family, training, how far above the entropy rate it must come, in nats per token)
    "ngram": (epx.families.Ngram(orders=(1,), seeds=1), Training(steps=200, batch_size=64), 2e-3),
    "transformer": (
        epx.families.Transformer(widths=(16,), depths=(1,), seeds=1),
        Training(steps=400, batch_size=32, warmup_steps=20),
        3e-2,
    ),
}


@pytest.mark.parametrize("kind", ["ngram", pytest.param("transformer", marks=pytest.mark.slow)])
@pytest.mark.as_users
def test_held_out_losses_converge_to_the_entropy_rate_from_above(kind, tmp_path):
    family, training, close = FAMILIES[kind]
    runs = epx.run(
        CHAIN,
        family,
        recipe="fixed",
        store=tmp_path / "s",
        training=training,
        heldout=Heldout(tokens=400_000),
    )
    (curve,) = runs.curves()
    rate = curve.entropy_rate_nats
    excess = curve.ema.adjusted() - rate
    error = curve.ema.stderr_nats[-1]
    assert curve.ema.loss_nats[0] == pytest.approx(np.log(4), rel=1e-6)
    assert (excess > -4 * error).all()
    assert excess[-1] < close + 4 * error
    assert excess[-1] < 0.1 * excess[0]


def test_a_first_order_chain_gains_nothing_from_longer_contexts(tmp_path):
    """The second-order code pays for more parameters and predicts no better."""
    runs = epx.run(
        CHAIN,
        epx.families.Ngram(orders=(0, 1, 2), seeds=1),
        recipe="fixed",
        store=tmp_path / "s",
        training=Training(steps=100, batch_size=32),
        heldout=Heldout(tokens=200_000),
    )
    by_order = {row["order"]: row for row in runs.rows(test_tokens=1e6)}
    assert by_order[1]["data_bits"] < 0.95 * by_order[0]["data_bits"]
    assert by_order[2]["data_bits"] > 0.999 * by_order[1]["data_bits"]
    assert by_order[2]["model_bits"] > by_order[1]["model_bits"] > by_order[0]["model_bits"]
