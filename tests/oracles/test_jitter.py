"""After learning has stopped the paired area stands still; the online one above an EMA floor grows.

The raw weights of a solved source jitter at a constant learning rate, and the online losses are
theirs, so an EMA floor lies below them for ever.
"""

import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax import analysis
from epiplexity_jax.coding import record_points
from epiplexity_jax.sweep.config import Heldout, Training

BATCH, STEPS, WINDOW, RATE = 8, 16_000, 50, 1.0


@pytest.fixture(scope="module")
def toy():
    """Eight logits learn a memoryless source by plain SGD; every expected loss is exact."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(8))
    drawn = rng.multinomial(BATCH, p, size=STEPS) / BATCH

    def expected_loss(theta):
        return np.log(np.exp(theta).sum()) - p @ theta

    raw, ema = np.zeros(8), np.zeros(8)
    raw_losses, ema_losses = [expected_loss(raw)], [expected_loss(ema)]
    for t, frequencies in enumerate(drawn):
        raw = raw - RATE * (np.exp(raw) / np.exp(raw).sum() - frequencies)
        ema = ema + (raw - ema) / min(t + 1, WINDOW)
        raw_losses.append(expected_loss(raw))
        ema_losses.append(expected_loss(ema))
    steps = record_points(STEPS)
    online = np.concatenate([[0.0], np.cumsum(raw_losses[:-1])]) * BATCH
    return analysis.Curve(
        source="toy",
        size="8 logits",
        params=8,
        vocab_size=8,
        steps=steps,
        cost=analysis.StepCost.dense(8, label_tokens_per_step=BATCH),
        ema=analysis.HeldoutLosses(np.array(ema_losses)[steps]),
        raw=analysis.HeldoutLosses(np.array(raw_losses)[steps]),
        online=analysis.Online(online[steps]),
        variants=("paired", "online"),
    )


def area_at(curve, step, variant, floor="ema"):
    bits = analysis.score(curve, 1e6, variant, floor).model_bits
    return float(np.interp(step, curve.steps, bits))


def test_the_paired_area_stops_and_the_online_one_above_an_ema_floor_does_not(toy):
    def growth(variant):
        """Bits per step after learning has stopped, over the first and all of that time."""
        late = toy.steps > 1000
        bits = analysis.score(toy, 1e6, variant, "ema").model_bits[late]
        half = toy.steps[late] < 6000
        return [np.polyfit(toy.steps[late][part], bits[part], 1)[0] for part in (half, ~half)]

    online, paired = growth("online"), growth("paired")
    assert min(online) > 0.1
    assert online[1] == pytest.approx(online[0], rel=0.5)  # as fast as ever
    assert max(np.abs(paired)) < 0.25 * min(online)


def test_both_variants_agree_on_the_toy_where_both_use_raw_weights(toy):
    """What is left is the jitter of the raw floor itself, which both share."""
    paired, online = (area_at(toy, STEPS, variant, "raw") for variant in ("paired", "online"))
    growing = area_at(toy, STEPS, "online", "ema")
    assert abs(paired - online) < 0.2 * growing


@pytest.mark.slow
def test_both_variants_agree_in_the_engine_where_both_use_raw_weights(tmp_path):
    runs = epx.run(
        epx.sources.Markov(vocab_size=4, concentration=0.3, length=16),
        epx.families.Transformer(widths=(16,), depths=(1,), seeds=1),
        recipe="fixed",
        store=tmp_path / "store",
        training=Training(steps=600, batch_size=16, warmup_steps=10),
        heldout=Heldout(tokens=200_000, record_tokens=20_000),
    )
    (curve,) = runs.curves()
    paired = analysis.score(curve, 1e6, "paired", "raw")
    online = analysis.score(curve, 1e6, "online", "raw")
    error = np.hypot(paired.model_stderr[-1], online.model_stderr[-1])
    assert paired.model_bits[-1] > 4 * error, "there must be something to agree on"
    assert abs(paired.model_bits[-1] - online.model_bits[-1]) < 4 * error
