import numpy as np
import pytest

from epiplexity_jax.analysis.logs.warnings import stairs
from tests.unit.analysis.logs.made import FALL, LN2, TOKENS, make, warned


def test_a_sound_curve_has_nothing_said_of_it():
    assert warned(make()) == ""


@pytest.mark.parametrize(
    ("curve", "options", "said"),
    [
        (make(FALL[:5], TOKENS[:5]), {}, "only 5 rows"),
        (make(FALL[10:], TOKENS[10:]), {}, "no initial loss: the first row covers 1.1e+04 tokens"),
        (make(FALL[10:], TOKENS[:30]), {}, "pretrained start"),
        (make(FALL / LN2), {"floor": 1.5 / LN2}, "bits labelled nats"),
        (make(FALL * 2), {"floor": 3.0}, "wrong --vocab-size"),
        (make(np.full(40, 4.5)), {"floor": 4.4}, "hardly goes down"),
        (make(np.append(FALL[:30], np.full(10, 2.0))), {}, "is no learning curve up to its end"),
        (make(), {"floor": 1.9}, "lie below the floor after 1.5e+04 tokens"),
        (make(), {"floor": 0.5}, "of the area lies between the floor and the level"),
        (make(epochs=3.0), {}, "the file counts 3 epochs: repeated data"),
        (make(), {"vocab_size": None}, "without --vocab-size"),
        (make(), {"bytes_per_token": None}, "do not compare across tokenisers"),
        (make(1.5 + FALL / 500), {}, "an error of 0.001 nats in the floor"),
    ],
)
def test_what_may_be_wrong_is_said(curve, options, said):
    assert said in warned(curve, **options)


def test_an_area_that_is_not_the_answer_is_not_judged():
    assert "of the area" not in warned(make(), floor=0.5, test_tokens=100)
    assert "of the area" in warned(make(), floor=0.5)


def test_sampled_batches_that_are_far_apart_are_said_to_be():
    curve = make(FALL[[0, 2, 39]], TOKENS[[0, 2, 39]], sampled_step=1000.0)
    assert "most of the curve is interpolated" in warned(curve)
    assert "interpolating between the sampled batches moves the area" in warned(curve)


def epochs_of(count, drop, noise, seed=0, rows=200):
    """A loss that falls slowly within an epoch and by `drop` at the begin of each."""
    generator = np.random.default_rng(seed)
    place = np.arange(1, rows + 1)
    slow = 2.5 + 2.0 * place**-0.5
    passes = (place - 1) // (rows // count)
    return place * 1000.0, slow - drop * passes + noise * generator.standard_normal(rows)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
def test_stairs_at_epochs_are_found(noise):
    assert stairs(*epochs_of(4, 0.2, noise)) == pytest.approx(50_000, abs=2000)
    assert "repeated data" in warned(make(*epochs_of(4, 0.2, noise)[::-1]), floor=1.5)


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.03, 0.3])
def test_noise_is_no_stair(noise):
    found = [stairs(*epochs_of(4, 0.0, noise, seed)) for seed in range(100)]
    assert found == [None] * 100
