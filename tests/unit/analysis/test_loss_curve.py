import math

import numpy as np
import pytest

from epiplexity_jax.analysis.logs.estimate import estimate
from epiplexity_jax.analysis.logs.loss_curve import LossCurve
from epiplexity_jax.analysis.logs.warnings import stairs
from epiplexity_jax.base.errors import ConfigError, DataError

LN2 = math.log(2.0)
V = 96
TOKENS = np.arange(1, 41) * 1000.0
FALL = 1.0 + (math.log(V) - 1.0) * (np.arange(40.0) + 1.0) ** -0.5


def make(losses=FALL, tokens=TOKENS, **changes):
    return LossCurve(name="x.csv", label_tokens=tokens, losses_nats=losses, **changes)


def warned(curve, floor=1.5, vocab_size=V, **changes):
    options = {"params": 1000, "test_tokens": 1e7, "bytes_per_token": 1.0} | changes
    found = estimate(curve, floor_nats=floor, vocab_size=vocab_size, **options)
    return " | ".join(found.decomposition.warnings)


def test_lengths_and_time_are_those_of_the_definition():
    curve = make(tokens_per_label=1.5)
    found = estimate(curve, params=1000, test_tokens=1e7, floor_nats=1.2, vocab_size=V)
    d = found.decomposition
    area = (sum(FALL) * 1000 - 40_000 * 1.2) / LN2
    assert d.epiplexity_bits == pytest.approx(area, rel=1e-12)
    assert found.area_bits == d.epiplexity_bits
    assert d.entropy_bits == pytest.approx(1e7 * 1.2 / LN2)
    assert d.mdl_bits == d.epiplexity_bits + d.entropy_bits
    assert d.compute_flops == pytest.approx(6 * 1000 * 60_000 + 2 * 1000 * 1e7 * 1.5)
    assert (d.train_tokens, found.label_tokens, d.status) == (60_000, 40_000, "ok")
    assert (d.floor, found.floor_nats, d.epiplexity_bits_interval) == ("given", 1.2, None)


def test_uneven_rows_weigh_by_their_tokens():
    whole = make()
    merged = np.array([0, 1, 2, 5, 10, 20, 40])
    means = [FALL[a:b].mean() for a, b in zip(merged[:-1], merged[1:], strict=True)]
    coarse = make(np.array(means), merged[1:] * 1000.0)
    assert coarse.online_sum_nats == pytest.approx(whole.online_sum_nats, rel=1e-12)


def test_a_row_at_zero_covers_nothing():
    curve = make(np.append(99.0, FALL), np.append(0.0, TOKENS))
    assert curve.online_sum_nats == pytest.approx(make().online_sum_nats, rel=1e-12)


def test_the_uniform_code_wins_over_a_model_that_costs_more_than_it_saves():
    found = estimate(make(), params=1000, test_tokens=100, floor_nats=1.1, vocab_size=V)
    d = found.decomposition
    assert (d.status, d.epiplexity_bits, d.params, d.member) == ("untrained", 0.0, 0, "uniform")
    assert d.entropy_bits == pytest.approx(100 * math.log2(V))
    assert found.area_bits > 1000
    assert "uniform code" in d.warnings[0]


def test_a_floor_above_the_curve_is_negative_and_kept():
    found = estimate(make(), params=1000, test_tokens=1e7, floor_nats=2.9)
    assert found.decomposition.status == "negative"
    assert found.decomposition.epiplexity_bits == found.area_bits < 0
    assert "the floor lies above the curve" in found.decomposition.warnings[0]


def test_where_the_floor_comes_from():
    with_column = estimate(make(heldout_nats=1.25), params=10, test_tokens=1e7)
    assert (with_column.decomposition.floor, with_column.floor_nats) == ("column", 1.25)
    given = estimate(make(heldout_nats=1.25), params=10, test_tokens=1e7, floor_nats=1.2)
    assert (given.decomposition.floor, given.floor_nats) == ("given", 1.2)
    last = estimate(make(), params=10, test_tokens=1e7)
    assert (last.decomposition.floor, last.floor_nats) == ("last_point", FALL[-1])
    assert "training text as the floor" in " ".join(last.decomposition.warnings)


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


def test_sampled_batches_are_interpolated():
    steps = np.arange(20_000)
    loss = 1.4 + 3.0 * (1 + steps / 20) ** -0.5
    rows = np.unique(np.rint(10 ** np.arange(0, 4.31, 1 / 8)).astype(int))
    rows = np.append(rows[rows < 20_000], 20_000)
    curve = make(loss[rows - 1], rows * 64.0, sampled_step=64.0)
    assert curve.online_sum_nats == pytest.approx(loss.sum() * 64, rel=1e-5)
    found = estimate(curve, params=10, test_tokens=1e9, floor_nats=1.45).decomposition
    area = (loss.sum() - 20_000 * 1.45) * 64 / LN2
    assert found.epiplexity_bits == pytest.approx(area, rel=1e-4)
    assert 0 < found.interpolation_error_bits < 1e-2 * area


def test_sampled_batches_may_be_all_of_them():
    curve = make(sampled_step=1000.0)
    assert curve.online_sum_nats == pytest.approx(make().online_sum_nats, rel=1e-12)


def test_sampled_batches_that_are_far_apart_are_said_to_be():
    curve = make(FALL[[0, 2, 39]], TOKENS[[0, 2, 39]], sampled_step=1000.0)
    assert "most of the curve is interpolated" in warned(curve)
    assert "interpolating between the sampled batches moves the area" in warned(curve)


def test_a_sampled_curve_begins_with_the_first_batch():
    late = make(FALL[9::10], TOKENS[9::10], sampled_step=1000.0)
    assert "the first batch with a row is number 10" in warned(late)
    assert late.online_sum_nats < make().online_sum_nats
    assert "no initial loss" not in warned(make(sampled_step=1000.0))


def test_sampled_rows_end_batches():
    with pytest.raises(DataError, match="row 1: tokens 1000 does not end a batch"):
        make(sampled_step=300.0)


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


@pytest.mark.parametrize(
    ("losses", "tokens", "said"),
    [
        (FALL[:2], TOKENS[:2], "has 2 rows"),
        (np.where(TOKENS == 5000, np.nan, FALL), TOKENS, "row 5: loss nan is not finite"),
        (np.where(TOKENS == 5000, -0.1, FALL), TOKENS, "row 5: loss -0.1 is negative"),
        (FALL, np.where(TOKENS == 5000, 4000, TOKENS), "do not increase from row 4 to row 5"),
        (FALL, TOKENS - 2000, "row 1: tokens -1000 is negative"),
        (FALL, TOKENS / 30_000, "is no whole number"),
        (FALL, np.where(TOKENS == 5000, np.inf, TOKENS), "row 5: tokens inf"),
        (FALL[1:], TOKENS, "columns of one length"),
    ],
)
def test_what_is_no_curve_is_refused(losses, tokens, said):
    with pytest.raises(DataError, match=said):
        make(losses, tokens)


def test_fewer_inputs_than_none_are_refused():
    with pytest.raises(DataError, match="must be at least 1, got 0.5"):
        make(tokens_per_label=0.5)


def test_messages_name_lines_where_there_is_a_file():
    with pytest.raises(DataError, match="from line 11 to line 12"):
        make(FALL[:3], np.array([1.0, 5.0, 5.0]), lines=(7, 11, 12))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"params": 0}, "params"),
        ({"test_tokens": 0.0}, "test_tokens"),
        ({"floor": -0.1}, "floor"),
        ({"floor": math.nan}, "floor"),
        ({"vocab_size": 1}, "vocab_size"),
        ({"bytes_per_token": 0.0}, "bytes_per_token"),
    ],
)
def test_wrong_arguments_are_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        warned(make(), **changes)
