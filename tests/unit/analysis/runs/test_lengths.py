import math

import numpy as np
import pytest

from epiplexity_jax import coding
from epiplexity_jax.analysis import HeldoutLosses, Online, score
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.runs.made import LOSS, STEPS, blocks_around, make

LN2 = np.log(2.0)


def test_paired_lengths_are_sums_over_the_steps():
    scored = score(make(), 1000.0)
    expected = [10 * (LOSS[:i].sum() - i * LOSS[i]) / LN2 for i in range(5)]
    np.testing.assert_allclose(scored.model_bits, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scored.data_bits, 1000 * LOSS / LN2)
    assert scored.model_bits[0] == 0.0
    assert scored.time_flops[0] == 2 * 100 * 1000


def test_raw_weights_are_used_at_both_ends():
    raw = LOSS + 0.1 * STEPS
    scored = score(make(raw=HeldoutLosses(raw)), 1000.0, floor="raw")
    np.testing.assert_allclose(scored.data_bits, 1000 * raw / LN2)
    expected = 10 * (raw[:4].sum() - 4 * raw[4]) / LN2
    assert scored.model_bits[-1] == pytest.approx(expected)


def test_a_known_entropy_rate_is_the_floor_of_the_area_alone():
    scored = score(make(entropy_rate_nats=0.3), 1000.0, floor="entropy_rate")
    assert scored.model_bits[-1] == pytest.approx(10 * (LOSS[:4].sum() - 4 * 0.3) / LN2)
    np.testing.assert_allclose(scored.data_bits, 1000 * LOSS / LN2)


@pytest.mark.parametrize(("floor", "level"), [("ema", LOSS), ("entropy_rate", 0.3)])
def test_online_lengths_are_the_training_losses_above_the_floor(floor, level):
    total = np.array([0.0, 11.0, 18.0, 24.0, 29.0])
    curve = make(
        online=Online(total, total / 10), variants=("paired", "online"), entropy_rate_nats=0.3
    )
    scored = score(curve, 1000.0, "online", floor)
    np.testing.assert_allclose(scored.model_bits, (total - 10 * STEPS * level) / LN2)


def test_area_and_data_length_share_their_blocks():
    blocks = blocks_around(LOSS, count=16)
    curve = make(ema=HeldoutLosses(LOSS, np.full(5, 0.01), blocks))
    scored = score(curve, 1000.0)
    full = blocks[-1] - blocks[-1].mean()
    scale = 0.01 / (full.std(ddof=1) / 4.0)  # of the whole set's error over the subset's
    assert 0.5 < scale < 1.0
    centred = blocks - blocks.mean(axis=1, keepdims=True)
    slopes = centred @ full / (full @ full)
    # The whole set errs with the subset in it, and by the rest of it on its own.
    subset = blocks - slopes[:, None] * (blocks[-1] - scale**2 * full)
    rest = slopes[:, None] * scale * math.sqrt(1.0 - scale**2) * full

    def area(values, i):
        return 10 * (values[:i].sum(axis=0) - i * values[i]) / LN2

    def data(values, i):
        return 1000 * values[i] / LN2

    def both(values, i):
        return area(values, i) + data(values, i)

    for i in range(5):
        for found, of in (
            (scored.model_stderr, area),
            (scored.data_stderr, data),
            (scored.mdl_stderr, both),
        ):
            expected = np.hypot(*(of(x, i).std(ddof=1) / 4.0 for x in (subset, rest)))
            assert found[i] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_floor_moves_the_online_model_and_the_data_length_against_each_other():
    curve = make(
        ema=HeldoutLosses(LOSS, np.full(5, 0.02)),
        online=Online(np.array([0.0, 11.0, 18.0, 24.0, 29.0])),
        variants=("paired", "online"),
    )
    scored = score(curve, 1000.0, "online")
    assert scored.model_stderr[-1] == pytest.approx(40 * 0.02 / LN2)
    assert scored.mdl_stderr[-1] == pytest.approx((1000 - 40) * 0.02 / LN2)
    assert score(curve, 1000.0, "paired").mdl_stderr[-1] > 1000 * 0.02 / LN2


@pytest.mark.parametrize("tokens", [0, -1.0, float("nan"), float("inf")])
def test_test_tokens_must_be_positive(tokens):
    with pytest.raises(ConfigError, match="test_tokens: must be a positive number"):
        score(make(), tokens)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"variant": "online"}, "variant: 'online' is not recorded for toy w8 seed 0, only paired"),
        ({"variant": "pared"}, "did you mean 'paired'"),
        ({"floor": "emma"}, "did you mean 'ema'"),
        ({"floor": "entropy_rate"}, "floor: 'entropy_rate' is not known"),
    ],
)
def test_an_unavailable_choice_is_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        score(make(), 1e3, **options)


def test_the_interpolation_error_of_the_last_point_is_that_of_coding():
    steps = coding.record_points(1000, per_decade=4)
    losses = 1.0 + (1.0 + steps) ** -0.5
    scored = score(make(steps=steps, ema=HeldoutLosses(losses)), 1e4)
    expected = 10 * coding.interpolation_error(steps, losses) / LN2
    assert scored.interpolation_error_bits[-1] == pytest.approx(float(expected))
    assert 0.0 < scored.interpolation_error_bits[-1] < 0.05 * scored.model_bits[-1]


def test_a_recipe_that_was_chosen_is_named():
    alone, chosen = score(make(), 1000.0), score(make(recipes=32), 1000.0)
    np.testing.assert_allclose(chosen.model_bits - alone.model_bits, [0, 5, 5, 5, 5])
    np.testing.assert_array_equal(chosen.data_bits, alone.data_bits)
