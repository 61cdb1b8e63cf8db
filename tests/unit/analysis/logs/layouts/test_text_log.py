"""Text logs of known programs, of names and values, and by a pattern."""

import math

import pytest

from epiplexity_jax.analysis.logs.reading import read_curve
from epiplexity_jax.base.errors import ConfigError, DataError
from tests.unit.analysis.logs.files import LOSSES, PER_STEP, SUM, VALUES, check, pairs, read

PREAMBLE = "tokens per iteration will be: 491,520\nnumber of parameters: 123.59M\n"
PREAMBLE += "num decayed parameter tensors: 50, with 124,354,560 parameters\n"

NANOGPT = PREAMBLE + "step 0: train loss 5.0000, val loss 5.0100\n"
NANOGPT += "".join(f"iter {s}: loss {v}, time 21.00ms, mfu 10.00%\n" for s, v in pairs())
NANOGPT += "step 39: train loss 2.9, val loss 2.7000\n"
BUILD = "0 val 5.0100\n0 hella 0.2500\n" + "".join(f"{s} train {v}\n" for s, v in pairs())
BUILD += "39 val 2.7000\n"
LLM_C = "s:0 tel:5.01\n" + "".join(f"s:{s} trl:{v} lr:0.0001 norm:1.0\n" for s, v in pairs())
LLM_C += "s:39 tel:2.7000\n"
CONSOLE = "".join(
    f"step {s:4}/18865 | loss {v} (+nanz)| norm 15.5 (+nanz)| lr 8.57e-07 | 3056.36 ms\n"
    for s, v in pairs(1)
)
MODDED = "import torch\nprint(f'step:{step}/{n} train_loss:{loss}')\n" + "".join(
    f"step:{s}/40 train_loss:{v} train_time:100ms step_avg:nanms\n" for s, v in pairs(1)
)
MODDED += "step:40/40 val_loss:2.7000 train_time:100ms step_avg:2.5ms\n"
MEGATRON = "".join(
    f" [2024-01-01 00:00:00] iteration {s:8}/     40 | consumed samples: {s * 8:12} | elapsed time"
    f" per iteration (ms): 500.0 | learning rate: 1.0E-06 | global batch size: 8 | lm loss:"
    f" {float(v):.6E} | loss scale: 1.0 | grad norm: 3.0 | number of nan iterations: 0 |\n"
    for s, v in pairs(1)
)
MEGATRON += (
    " validation loss at iteration 40 | lm loss value: 2.700000E+00 | lm loss PPL: 1.4E+01 |\n"
)
NEMO = "".join(
    f"Training epoch 0, iteration {s}/39 | lr: 1.5e-07 | global_batch_size: 64 | global_step: {s} |"
    f" reduced_train_loss: {v} | train_step_timing in s: 35.97\n"
    for s, v in pairs()
)
NEMO_BAR = "".join(
    f"Epoch 0: : 1%| | {s}/40 [00:01<00:01, reduced_train_loss={v}, global_step={s}.00]\n"
    for s, v in pairs()
)
FAIRSEQ = "".join(
    f"2021 | INFO | train_inner | epoch 001:    {s} / 5200 loss={float(v) / math.log(2):.12f},"
    f" ppl=5000, wps=1, num_updates={s}, lr=1e-05\n"
    for s, v in pairs(1)
)
FAIRSEQ += "2021-01-01 | INFO | valid | epoch 001 | valid on 'valid' subset | loss "
FAIRSEQ += f"{2.7 / math.log(2):.12f} | ppl 13 | num_updates 40\n"
FAIRSEQ_JSON = "".join(
    f'2021 | INFO | train_inner | {{"epoch": 1, "loss": "{float(v) / math.log(2):.12f}",'
    f' "ppl": "9", "num_updates": "{s}"}}\n'
    for s, v in pairs(1)
)
MAXTEXT = "".join(
    f"completed step: {s}, seconds: 2.5, TFLOP/s/device: 100.0, Tokens/s/device: 1500.0,"
    f" total_weights: {PER_STEP}, loss: {v}\n"
    for s, v in pairs()
)
TORCHTUNE = "".join(
    f"Step {s} | loss:{v} lr:2e-05 tokens_per_second_per_gpu:9\n" for s, v in pairs(1)
)
LITGPT = "".join(
    f"Epoch 1 | iter {2 * s - 1} step {s - 1} | loss train: 9.999, val: n/a | iter time: 5 ms\n"
    f"Epoch 1 | iter {2 * s} step {s} | loss train: {v}, val: n/a | iter time: 5 ms (step)\n"
    for s, v in pairs(1)
)
ACCELERATE = "".join(f"[rank0] INFO - step={s} | loss={v} | lr=1e-4\n" for s, v in pairs(1))
TITAN = "".join(
    f"[titan] 2024-11-01 10:00:00,123 - INFO - \x1b[31mstep: {s:2}  \x1b[32mloss: {v}  tps: 9,999\n"
    for s, v in pairs(1)
)
TENSORS = "".join(f"step {s}: loss tensor({v}, device='cuda:0')\n" for s, v in pairs(1))
WORDS = "".join(f"Epoch 1, step {s}, train loss {v}, 3 ms\n" for s, v in pairs(1))


@pytest.mark.parametrize(
    ("text", "name", "heldout"),
    [
        (NANOGPT, "nanoGPT", 2.7),
        (NANOGPT.replace("\n", "\r\n"), "nanoGPT", 2.7),
        (
            NANOGPT.replace("iter ", "\x1b[32miter ").replace(", mfu", "\x1b[0m, mfu"),
            "nanoGPT",
            2.7,
        ),
        (BUILD, "build-nanogpt", 2.7),
        (LLM_C, "llm.c", 2.7),
        (CONSOLE, "llm.c (console)", None),
        (MODDED, "modded-nanogpt", 2.7),
        (MEGATRON, "Megatron-LM", 2.7),
        (NEMO, "NeMo", None),
        (NEMO_BAR, "NeMo", None),
        (FAIRSEQ, "fairseq", 2.7),
        (FAIRSEQ_JSON, "fairseq", None),
        (MAXTEXT, "MaxText", None),
        (TORCHTUNE, "torchtune", None),
        (LITGPT, "litgpt", None),
        (ACCELERATE, "text log of names and values", None),
        (TITAN, "text log of names and values", None),
        (TENSORS, "text log of names and values", None),
        (WORDS, "text log of names and values", None),
    ],
)
def test_logs_of_known_programs(tmp_path, text, name, heldout):
    curve = read(tmp_path, text)
    assert curve.losses_nats == pytest.approx(VALUES, rel=1e-9)
    assert curve.label_tokens.tolist() == [PER_STEP * (i + 1) for i in range(len(VALUES))]
    assert curve.online_sum_nats == pytest.approx(SUM, rel=1e-9)
    assert curve.heldout_nats == (None if heldout is None else pytest.approx(heldout, rel=1e-9))
    assert name in curve.notes[0]


def test_sparse_rows_of_single_batches_are_interpolated_and_that_is_said(tmp_path):
    text = "".join(f"iter {10 * i}: loss {4.0 - 0.5 * i}, time 2ms\n" for i in range(5))
    sampled, means = read(tmp_path, text), read(tmp_path, text, sampled=False)
    assert sampled.sampled_step == PER_STEP
    assert "each loss is that of one batch" in sampled.notes[0]
    assert sampled.label_tokens.tolist() == [1000, 11000, 21000, 31000, 41000]
    assert means.sampled_step is None
    assert means.online_sum_nats == pytest.approx((4 + 35 + 30 + 25 + 20) * PER_STEP)


def test_the_log_says_the_tokens_of_a_step(tmp_path):
    (tmp_path / "log").write_text(MAXTEXT)
    curve = read_curve(tmp_path / "log")
    assert curve.label_tokens[-1] == 40_000
    assert "the log says 1000 label tokens a step" in " ".join(curve.notes)


def test_megatron_counts_its_tokens(tmp_path):
    text = MEGATRON.replace("consumed samples", "consumed tokens")
    (tmp_path / "log").write_text(text)
    assert read_curve(tmp_path / "log").label_tokens[-1] == 320


def test_evaluations_alone_are_points(tmp_path):
    text = "".join(f"step:{s}/1000 val_loss:{5 - s / 500} train_time:9ms\n" for s in (0, 500, 1000))
    curve = read(tmp_path, text)
    assert curve.evaluated
    assert (curve.label_tokens[0], curve.heldout_nats) == (0, 3.0)


def test_nanogpt_without_batches_has_points(tmp_path):
    text = "".join(f"step {250 * s}: train loss 9.0, val loss {v}\n" for s, v in pairs())
    curve = read(tmp_path, text)
    assert curve.evaluated
    assert curve.losses_nats.tolist() == VALUES
    assert curve.label_tokens[[0, -1]].tolist() == [0, 39 * 250 * PER_STEP]


def test_a_log_of_losses_alone_needs_the_steps_between_rows(tmp_path):
    text = "".join(f"training loss: {v}\n" for v in LOSSES)
    with pytest.raises(ConfigError, match="--steps-per-row"):
        read(tmp_path, text)
    check(read(tmp_path, text, steps_per_row=1))


def test_a_console_of_dictionaries_needs_the_steps_between_rows(tmp_path):
    rows = [f"{{'loss': {v}, 'grad_norm': 1.0, 'epoch': 0.1}}\n" for v in LOSSES]
    text = "  0%| | 0/40\n" + "".join(rows) + "{'train_runtime': 9.0, 'train_loss': 3.0}\n"
    with pytest.raises(ConfigError, match="'epoch' and no tokens.*--steps-per-row"):
        read(tmp_path, text)
    curve = read(tmp_path, text, steps_per_row=10)
    assert curve.label_tokens[[0, -1]].tolist() == [10_000, 400_000]
    assert curve.losses_nats.tolist() == VALUES
    quoted = read(
        tmp_path, text.replace("{'loss': ", "{'loss': '").replace(", 'g", "', 'g"), steps_per_row=1
    )
    check(quoted)


def test_a_pattern_reads_any_log(tmp_path):
    text = "".join(f"<{s}> minibatch {v}!\n" for s, v in pairs(1))
    check(read(tmp_path, text, pattern=r"<(?P<step>\d+)> minibatch (?P<loss>[\d.]+)"))
    tokens = r"<(?P<step>\d+)> minibatch (?P<nll>[\d.]+)"
    check(read(tmp_path, text, pattern=tokens, loss_column="nll", step_column="step"))


@pytest.mark.parametrize(
    ("pattern", "error", "said"),
    [
        ("(", ConfigError, "--pattern: is no regular expression"),
        (r"\d+", ConfigError, "--pattern: has no named group"),
        (r"(?P<loss>z+)", DataError, "no line fits --pattern; the first is 'a step'"),
    ],
)
def test_patterns_that_do_not_fit(tmp_path, pattern, error, said):
    with pytest.raises(error, match=said):
        read(tmp_path, "a step\nb\n", pattern=pattern)


def test_a_pattern_needs_a_text(tmp_path):
    with pytest.raises(DataError, match="is no text"):
        read(tmp_path, b"\0\1\2\3", pattern=r"(?P<loss>\d)")


def test_a_log_that_nobody_knows_is_refused_with_a_pattern(tmp_path):
    with pytest.raises(DataError, match=r"looks like a text log.*--pattern 'step"):
        read(tmp_path, "training began\nall went well\nso it ended\n")
