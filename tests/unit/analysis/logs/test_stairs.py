import numpy as np
import pytest

from epiplexity_jax.analysis.logs.stairs import stairs
from tests.unit.analysis.logs.made import make, warned


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


def drops_at(*places, rows=1000):
    """A loss that falls slowly, and by a fifth at some rows."""
    at = np.arange(1, rows + 1)
    losses = 2.0 + 4.0 * (1 + at / 50) ** -0.5
    for place in places:
        losses -= 0.2 * (at > place)
    return at * 1000.0, losses


def test_drops_side_by_side_are_no_epochs():
    assert stairs(*drops_at(500, 540)) is None
    assert stairs(*drops_at(250, 500, 750)) == pytest.approx(250_000, abs=2000)
    assert stairs(*drops_at(300, 500, 740)) is None


def test_two_drops_must_be_at_equal_distances():
    assert stairs(*drops_at(330, 660)) == pytest.approx(330_000, abs=2000)
    assert stairs(*drops_at(330, 640)) is None
    assert stairs(*drops_at(300, 900)) is None


def test_many_rows_take_no_time():
    tokens, losses = drops_at(100_000, 200_000, 300_000, rows=400_000)
    assert stairs(tokens, losses) == pytest.approx(1e8, rel=1e-3)
