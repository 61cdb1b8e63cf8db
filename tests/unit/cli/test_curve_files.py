"""Files of other programs through the command."""

import gzip
import json
import math
import time

import numpy as np
import pytest

from epiplexity_jax import coding
from tests.unit.cli.curve_texts import AREA, LN2, LOSSES, SIZES, STEPS, by_steps, said, table


def test_evaluations_are_points_of_the_curve(curve):
    steps = np.arange(0, 10_001, 250)
    losses = 4.0 + 6.0 * (1 + steps / 300) ** -0.6
    text = table(zip(steps, losses, strict=True), "step,val_loss")
    exact = 4.0 + 6.0 * (1 + np.arange(10_000) / 300) ** -0.6
    right = (exact.sum() - 10_000 * losses[-1]) * 1000 / LN2
    found = curve(text, *STEPS)
    assert found["area_bits"] == pytest.approx(right, rel=1e-2)
    summed = coding.interpolate_sum(steps, losses)[-1]
    assert found["area_bits"] == pytest.approx((summed - 10_000 * losses[-1]) * 1000 / LN2)
    assert found["label_tokens"] == 1e7
    assert "the model at its position" in said(found)
    given = curve(text, *STEPS, "--loss-column", "val_loss", "--floor", losses[-1])
    assert given["area_bits"] == pytest.approx(found["area_bits"])
    means = curve(text, *STEPS, "--means")
    assert means["area_bits"] < 0.95 * right


def test_evaluations_over_tokens_are_integrated(curve):
    tokens = np.arange(0, 10_000_001, 250_000)
    losses = 4.0 + 6.0 * (1 + tokens / 300_000) ** -0.6
    whole = 4.0e7 + 6.0 * 300_000 / 0.4 * ((1 + 1e7 / 300_000) ** 0.4 - 1)
    found = curve(table(zip(tokens, losses, strict=True), "tokens,eval_loss"), *SIZES)
    assert found["area_bits"] == pytest.approx((whole - 1e7 * losses[-1]) / LN2, rel=2e-3)


def test_a_floor_of_noisy_rows_has_their_error(curve):
    generator, rows = np.random.default_rng(5), 4000
    smooth = 3.0 + 5.0 * (1 + np.arange(rows) / 3) ** -1.0
    noise = 0.03 * generator.standard_normal(rows)
    text = table(enumerate(smooth + noise))
    right = (smooth.sum() - rows * smooth[-400:].mean()) * 1000 / LN2
    error = 0.03 / math.sqrt(400) * rows * 1000 / LN2
    found = curve(text, *STEPS, "--sampled", "--vocab-size", "3000", "--test-tokens", "1e9")
    assert found["floor"] == "last_rows"
    assert found["floor_rows"] == 400
    assert found["floor_stderr_nats"] == pytest.approx(0.03 / 20, rel=0.15)
    assert found["resolution_bits"] == pytest.approx(2 * error, rel=0.15)
    low, high = found["epiplexity_bits_interval"]
    assert high - low == pytest.approx(4 * error, rel=0.2)
    assert low < right < high
    data_low, data_high = found["entropy_bits_interval"]
    assert data_high - data_low == pytest.approx((high - low) * 1e9 / (rows * 1000), rel=1e-6)
    one = curve(text, *STEPS, "--sampled", "--floor-rows", "1")
    assert one["status"] == "below_resolution"
    assert one["resolution_bits"] == pytest.approx(2 * 20 * error, rel=0.3)


def test_no_sentence_speaks_of_an_error_that_is_not_known(curve):
    found = curve(table(by_steps()), *STEPS, "--floor", "4.9")
    assert found["status"] == "negative"
    assert found["epiplexity_bits_interval"] is found["resolution_bits"] is None
    assert "negative: the floor lies above the curve" in said(found)
    assert "error" not in said(found)


@pytest.mark.parametrize("word", ["nan", "NaN", "NA", "N/A", "None", "null", ""])
def test_words_for_missing_values(curve, word):
    rows = [(s, loss, LOSSES[s - 1] if s % 10 == 0 and s < 40 else word) for s, loss in by_steps()]
    joined = [
        row for s, loss in by_steps() for row in ([(s, loss, word)] + [(s, word, loss)] * (s == 30))
    ]
    right = (sum(LOSSES) - 40 * LOSSES[29]) * 1000 / LN2
    for made in (rows, joined):
        found = curve(table(made, "step,train_loss,val_loss"), *STEPS)
        assert (found["floor_nats"], found["floor"]) == (LOSSES[29], "column")
        assert found["area_bits"] == pytest.approx(right)
    wrong = [*joined[:5], (6, "nan", word), *joined[6:]]
    assert "line 7: loss nan is not finite" in curve(
        table(wrong, "step,train_loss,val_loss"), *STEPS
    )


def test_training_that_was_resumed(curve):
    rows = by_steps()
    resumed = [*((s, loss + 0.5) for s, loss in rows[:25]), *rows[20:]]
    refused = curve(table(resumed), *STEPS, "--floor", "2.7")
    assert "from line 26 to line 27 (25 to 21); where training was resumed" in refused
    assert "--keep-last keeps of every position the last row" in refused
    found = curve(table(resumed), *STEPS, "--floor", "2.7", "--keep-last")
    assert found["area_bits"] == pytest.approx(AREA + 20 * 0.5 * 1000 / LN2)
    assert "5 rows left out" in said(found)


def test_a_curve_may_end_earlier(curve):
    rows = [(s, loss, loss) for s, loss in by_steps()]
    found = curve(table(rows, "step,loss,val_loss"), *STEPS, "--until", "30")
    assert (found["label_tokens"], found["floor_nats"]) == (30_000, LOSSES[29])
    assert "10 rows after 30 left out" in said(found)


def test_batch_indices_from_zero(curve):
    every = [(50 * (i + 1) - 1, loss) for i, loss in enumerate(LOSSES)]
    found = curve(table(every, "step,train_loss_step"), *STEPS, "--sampled", "--floor", "2")
    assert found["label_tokens"] == 2_000_000
    assert "number 50" in said(found)
    assert (
        curve(table(every), *STEPS, "--sampled", "--floor", "2", "--first-step", "1")[
            "label_tokens"
        ]
        == 1_999_000
    )
    found = curve(table(by_steps(0)), *STEPS, "--sampled", "--floor", "2.7")
    assert found["area_bits"] == pytest.approx(AREA)
    assert found["interpolation_error_bits"] == 0.0


def test_sums_over_accumulation_steps(curve):
    rows = [(s, 8 * loss, 2.9 if s == 40 else "") for s, loss in by_steps()]
    text = table(rows, "step,loss,eval_loss")
    assert "sums over 8 accumulation steps (--loss-divisor 8)" in said(curve(text, *STEPS))
    found = curve(text, *STEPS, "--loss-divisor", "8")
    assert found["area_bits"] == pytest.approx((sum(LOSSES) - 40 * 2.9) * 1000 / LN2)
    assert "accumulation" not in said(found)


def test_an_explicit_column_is_read(curve):
    rows = [(250 * i, loss) for i, loss in enumerate(LOSSES)]
    found = curve(table(rows, "Epoch,Training Loss"), *STEPS, "--step-column", "Epoch")
    assert found["label_tokens"] == 250 * 39 * 1000
    assert "'Epoch' is read as steps, as --step-column says" in said(found)
    assert "epochs" not in said(found)


def test_compressed_text(curve):
    found = curve(gzip.compress(table(by_steps()).encode()), *STEPS, "--floor", "2.7")
    assert found["area_bits"] == pytest.approx(AREA)


def test_many_rows_take_seconds(curve):
    steps = np.arange(1, 400_001)
    losses = np.round(3 + 8 * (1 + steps / 2000) ** -0.6, 4)
    text = "step,loss\n" + "".join(f"{s},{v:.4f}\n" for s, v in zip(steps, losses, strict=True))
    for words in ([], ["--sampled"]):
        began = time.process_time()
        found = curve(text, *STEPS, "--floor", "3.3", "--vocab-size", "50304", *words)
        assert time.process_time() - began < 6.0  # 2 s alone; 3 minutes with a quadratic mean
        assert found["area_bits"] == pytest.approx((losses.sum() - 400_000 * 3.3) * 1000 / LN2)


def test_several_files_make_a_frontier(call, tmp_path):
    files = []
    for i, scale in enumerate((1.0, 0.8, 0.6)):
        rows = [(100 * (s + 1), 1.0 + scale * 3.0 * (1 + 0.07 * s) ** -0.9) for s in range(400)]
        files.append(tmp_path / f"size{i}.csv")
        files[-1].write_text(table(rows))
    sizes = ["--params", "1e5", "--params", "4e5,2e6", "--test-tokens", "1e9"]
    words = ["curve", *files, *sizes, "--tokens-per-step", "1000", "--vocab-size", "96"]
    called = call(*words, "--json")
    assert called.status == 0, called.err
    found = json.loads(called.out)
    assert [one["params"] for one in found["estimates"]] == [100_000, 400_000, 2_000_000]
    lengths = [one["mdl_bits"] for one in found["frontier"]]
    assert lengths == sorted(lengths, reverse=True)
    own = found["estimates"][0]
    called = call(*words, "--compute", own["compute_flops"], "--json")
    (at,) = json.loads(called.out)["frontier"]
    assert at["mdl_bits"] <= own["mdl_bits"] * (1 + 1e-9)
    printed = call(*words)
    assert (printed.status, printed.out.splitlines()[0].split()[0]) == (0, "source")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--params", "1e6"], "--params: expected one for each file, got 1 for 2 files"),
        (["--params", "1e6,x"], "--params: expected a number, got 1e6, x"),
        (
            ["--params", "1,2", "--floor", "2"],
            "--floor: expected one for each file, got 1 for 2 files",
        ),
    ],
)
def test_files_need_a_size_each(call, tmp_path, words, message):
    path = tmp_path / "loss.csv"
    path.write_text(table(by_steps()))
    called = call("curve", path, path, *words, "--test-tokens", "1e6", "--tokens-per-step", "10")
    assert (called.status, called.out) == (2, "")
    assert message in called.err


def test_the_kl_of_messages_is_a_requential_code(curve, call, tmp_path):
    values, counts = [2.0, 1.0, 0.5], [1000, 2000, 1000]
    document = {"kl_values": values, "token_counts": counts, "final_loss": 2.5}
    text = json.dumps(document | {"evaluation_tokens": 1_000_000})
    found = curve(text, *SIZES, "--vocab-size", "64")
    assert found["epiplexity_bits"] == pytest.approx(4500 / LN2, rel=1e-12)
    assert found["entropy_bits"] == pytest.approx(2.5e6 / LN2, rel=1e-12)
    messages = [kl * count / LN2 for kl, count in zip(values, counts, strict=True)]
    certified = sum(bits + 2 * math.log2(1 + bits) + 5.21 for bits in messages)
    assert found["certified_bits"] == pytest.approx(certified)
    assert (found["estimator"], found["label_tokens"]) == ("requential", 4000)
    assert "there is no loss_unit, so nats are read" in said(found)
    bits = curve(text, *SIZES, "--unit", "bits")
    assert bits["epiplexity_bits"] == pytest.approx(4500)
    assert "--tokens-per-step: loss.csv holds the KL of messages" in curve(text, *STEPS)
    path = tmp_path / "loss.csv"
    called = call("curve", path, path, "--params", "1,2", "--test-tokens", "1e6")
    assert (called.status, called.out) == (2, "")
    assert "loss.csv: holds the KL of messages" in called.err
