import json

import numpy as np
import pytest

from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.reading import read_curve
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.logs.made import LN2

PLAIN = "tokens,loss\n100,4.5\n200,3.5\n300,3\n400,2.9\n"


@pytest.fixture
def read(tmp_path):
    """Read a text as a file, with options of the layout."""

    def call(text, floor_known=False, **options):
        path = tmp_path / "loss.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_curve(path, Layout(**options), floor_known)

    return call


def lines_of(*rows):
    return "\n".join(json.dumps(row) for row in rows) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace("tokens,loss", '"num_tokens","train/loss"'),
        PLAIN.replace("tokens,loss", "Tokens Seen,Training Loss"),
        lines_of(*({"tokens": 100 * i, "loss": v} for i, v in enumerate([4.5, 3.5, 3, 2.9], 1))),
    ],
)
def test_tables_of_one_content_read_alike(read, text):
    curve = read(text)
    assert curve.label_tokens.tolist() == [100, 200, 300, 400]
    assert curve.losses_nats.tolist() == [4.5, 3.5, 3, 2.9]
    assert (curve.heldout_nats, curve.tokens_per_label, curve.notes) == (None, 1.0, ())


def test_steps_become_tokens(read):
    text = "global_step,loss,learning_rate\n1,3,0.1\n2,2,0.1\n4,1.5,0.1\n"
    assert read(text, tokens_per_step=64).label_tokens.tolist() == [64, 128, 256]


def test_steps_are_taken_where_tokens_per_step_are_given(read):
    text = "step,tokens,loss\n1,100,3\n2,200,2\n4,400,1.5\n"
    assert read(text).label_tokens.tolist() == [100, 200, 400]
    assert read(text, tokens_per_step=64).label_tokens.tolist() == [64, 128, 256]


def test_named_columns(read):
    text = "n,a,b,c\n1,3,9,1.6\n2,2,9,\n3,1.5,9,1.4\n"
    curve = read(text, tokens_column="n", loss_column="a", heldout_column="c")
    assert (curve.losses_nats.tolist(), curve.heldout_nats) == ([3, 2, 1.5], 1.4)


def test_logs_of_training_and_evaluation_in_turn(read):
    text = lines_of(
        {"step": 10, "loss": 4.0, "epoch": 0.1},
        {"step": 10, "eval_loss": 3.9, "epoch": 0.1},
        {"step": 20, "loss": 3.0, "epoch": 0.2},
        {"step": 30, "loss": 2.5, "epoch": 0.3},
        {"step": 30, "eval_loss": 2.6, "epoch": 0.3},
    )
    curve = read(text, tokens_per_step=8)
    assert curve.label_tokens.tolist() == [80, 160, 240]
    assert (curve.heldout_nats, curve.epochs, curve.notes) == (2.6, 0.3, ())
    assert curve.lines == (1, 3, 4)


def test_rows_without_any_loss_are_counted(read):
    curve = read(PLAIN.replace("3.5", "").replace("4.5", "  ") + "500,2.8\n")
    assert curve.label_tokens.tolist() == [300, 400, 500]
    assert "2 rows without a loss left out" in curve.notes[0]


def test_a_row_at_zero_is_said_to_cover_nothing(read):
    assert (
        "step 0 covers no tokens"
        in read("step,loss\n0,4\n10,3\n20,2\n", tokens_per_step=8).notes[0]
    )


@pytest.mark.parametrize("first", [0, 1])
def test_sampled_batches_are_counted_from_the_first(read, first):
    text = "step,loss\n" + "".join(f"{i + first},{v}\n" for i, v in enumerate([4, 3, 2.5]))
    curve = read(text, tokens_per_step=8, sampled=True)
    assert curve.label_tokens.tolist() == [8, 16, 24]
    assert curve.online_sum_nats == pytest.approx(9.5 * 8)
    assert len(curve.notes) == (first == 0)


@pytest.mark.parametrize(
    ("header", "options", "factor"),
    [
        ("tokens,loss", {"unit": "bits"}, LN2),
        ("tokens,loss_bits", {}, LN2),
        ("tokens,train_loss_nats", {}, 1.0),
        ("tokens,train/bpb", {"bytes_per_token": 4.0}, 4.0 * LN2),
        ("tokens,loss_bits", {"unit": "nats"}, 1.0),
    ],
)
def test_units(read, header, options, factor):
    curve = read(PLAIN.replace("tokens,loss", header), **options)
    assert curve.losses_nats == pytest.approx(np.array([4.5, 3.5, 3, 2.9]) * factor)
    assert len(curve.notes) == ("loss_bits" in header and "unit" in options)


def test_a_held_out_loss_has_its_own_unit_or_that_of_the_curve(read):
    rows = "\n1,3,1.5\n2,2,1.5\n3,1,1.5\n"
    assert read("tokens,loss_bits,val_loss" + rows).heldout_nats == pytest.approx(1.5 * LN2)
    assert read("tokens,loss_bits,val_loss_nats" + rows).heldout_nats == 1.5


def test_whole_epochs_are_counted(read):
    text = "tokens,loss,epoch\n1,4,0\n2,3,0\n3,2,1\n4,1,1\n5,1,2\n"
    assert read(text).epochs == 3


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (
            "tokens,learning_rate\n1,2\n",
            {},
            "--loss-column: no column .* 'tokens', 'learning_rate'",
        ),
        ("tokens,loss,train_loss\n1,2,2\n", {}, r"--loss-column: several .*\(loss, train_loss\)"),
        (PLAIN, {"loss_column": "lss"}, "--loss-column: .* no column 'lss', only 'tokens', 'loss'"),
        (
            "tokens,num_tokens,loss\n1,2,2\n",
            {},
            r"--tokens-column: several .*\(tokens, num_tokens\)",
        ),
        ("step,iteration,loss\n1,2,2\n", {}, "--step-column: several"),
        ("tokens,loss,val_loss,eval_loss\n1,2,2,2\n", {}, "--heldout-column"),
        ("step,loss\n1,2\n", {}, "--tokens-per-step: .* counts steps .* label tokens"),
        ("epoch,loss\n1,2\n", {}, "'epoch' and no tokens on its axis; the area is over label"),
        ("wall_time,loss\n1,2\n", {}, "'wall_time' and no tokens on its axis"),
        ("epoch,loss\n1,2\n", {"tokens_per_step": 9}, "'epoch' and no tokens on its axis"),
        ("x,loss\n1,2\n", {}, "no tokens on its axis"),
        ("tokens,bpb\n1,2\n2,1\n3,1\n", {}, "--bytes-per-token: 'bpb' holds bits per byte"),
        (PLAIN, {"unit": "bans"}, "--unit"),
        (PLAIN, {"tokens_per_step": 0.5}, "--tokens-per-step"),
        (PLAIN, {"tokens_column": "tokens", "tokens_per_step": 9}, "together with --tokens-column"),
        (PLAIN, {"sampled": True}, "--sampled: needs --tokens-per-step"),
        (PLAIN, {"inputs_per_label": -1.0}, "--inputs-per-label"),
    ],
)
def test_columns_that_must_be_named(read, text, options, said):
    with pytest.raises(ConfigError, match=said):
        read(text, **options)


def test_a_known_floor_needs_no_choice_among_held_out_losses(read):
    text = "tokens,loss,val_loss,eval_loss\n1,3,2,2\n2,2,2,2\n3,1,2,2\n"
    assert read(text, floor_known=True).heldout_nats is None
