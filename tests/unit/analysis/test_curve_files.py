import json
import math

import numpy as np
import pytest

from epiplexity_jax import coding
from epiplexity_jax.analysis import curve_from, score
from epiplexity_jax.analysis.logs.columns import Layout, read_curve
from epiplexity_jax.analysis.logs.estimate import estimate
from epiplexity_jax.analysis.logs.export import curve_csv, find_run, has_dense_cost, read_back
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.store import StoredRun
from tests.unit.store.stored import make_history, make_row

LN2 = math.log(2.0)
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
    assert "2 rows without a loss" in curve.notes[0]


def test_a_row_at_zero_is_said_to_cover_nothing(read):
    assert (
        "step 0 covers no tokens" in read("step,loss\n0,4\n1,3\n2,2\n", tokens_per_step=8).notes[0]
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
        ("epoch,loss\n1,2\n", {"tokens_column": "epoch"}, "neither tokens nor steps"),
        ("samples,loss\n1,2\n", {"step_column": "samples", "tokens_per_step": 9}, "neither tokens"),
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("tokens,loss\n", "a header and no rows"),
        ("1,2\n2,3\n", "line 1: holds numbers; a header"),
        ("tokens,loss\n1,4\n2,abc\n3,2\n", "line 3: 'abc' in 'loss' is not a number"),
        ("tokens,loss\n1,4\n2,nan\n3,2\n", "line 3: loss nan is not finite"),
        ("tokens,loss\n1,4\n2,-inf\n3,2\n", "line 3: loss -inf is not finite"),
        ("tokens,loss\n1,4\n2,3\n2,2\n", "from line 3 to line 4"),
        ("tokens,loss\n1,4\n2,-3\n3,2\n", "line 3: loss -3 is negative"),
        ("tokens,loss\n1,4\n2,3\n", "has 2 rows with a loss"),
        ("tokens,loss\n1,4\n,3\n3,2\n", "line 3: a loss, but nothing in 'tokens'"),
        ("tokens,loss\n1,4\n2,3,5\n", "line 3: has 3 cells, the header has 2"),
        ("tokens,loss,loss\n1,4,4\n", "two columns are named 'loss'"),
        ('tokens,loss\n1,"4\n', "line 2: is no CSV"),
        ("tokens,loss,val_loss\n1,4,1\n2,3,nan\n3,2,\n", "line 3: 'val_loss' is nan"),
        ("tokens,loss\n0.5,4\n1,3\n1.5,2\n", "line 2: tokens 0.5 is no whole number"),
        (b"\x0a\x00\x01brain.Event:2", "is no text"),
        ("loss\xe9".encode("latin-1"), "is no text"),
        ('{"log_history": [\n{"loss": 1}\n]}', "one JSON document"),
        ('{"log_history": [{"loss": 1}]}', "one JSON document"),
        ('[{"tokens": 1, "loss": 2}]', "one JSON document"),
        ('{"tokens": 1, "loss": 2}\n{"tokens": 2, "lo', "line 2: is not JSON"),
        ('{"tokens": 1, "loss": 2}\n7\n', "line 2: is JSON but no object"),
        ('{"tokens": 1, "loss": true}\n', "line 1: True in 'loss' is not a number"),
        (
            '{"tokens": 1, "loss": 9}\n{"tokens": 2, "loss": NaN}\n{"tokens": 3, "loss": 1}',
            "line 2",
        ),
        ('{"a":' * 5000, "line 1: is not JSON"),
    ],
)
def test_files_that_hold_no_curve(read, text, said):
    with pytest.raises(DataError, match=said):
        read(text)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_curve(tmp_path / "x.csv")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_curve(tmp_path)


def stored(**changes):
    history = make_history(points=8)
    losses = coding.interpolate_sum(history["step"], history["heldout_raw_loss_nats"])
    return StoredRun(make_row("abc", **changes), history | {"online_loss_sum_nats": losses * 128})


@pytest.mark.parametrize("tokens_per_step", [None, 128])
def test_an_exported_run_gives_its_own_online_estimate(read, tokens_per_step):
    run = stored()
    own = score(curve_from(run), 1e6, "online", "ema")
    curve = read(curve_csv(run), tokens_per_step=tokens_per_step)
    found = estimate(curve, params=run.row["params"], test_tokens=1e6, vocab_size=96).decomposition
    assert found.status == "ok"
    assert found.epiplexity_bits == pytest.approx(own.model_bits[-1], rel=1e-12)
    assert found.entropy_bits == pytest.approx(own.data_bits[-1], rel=1e-12)
    assert found.compute_flops == pytest.approx(own.time_flops[-1], rel=1e-12)
    assert found.train_tokens == pytest.approx(own.train_tokens[-1], rel=1e-12)
    assert found.floor == "column"
    assert has_dense_cost(run)


def test_an_export_has_a_row_for_every_record_point_but_the_untrained(read):
    text = curve_csv(stored()).splitlines()
    assert text[0] == "step,label_tokens,train_tokens,loss_nats,heldout_loss_nats"
    assert [line.split(",")[:3] for line in text[1:3]] == [["1", "128", "132"], ["2", "256", "264"]]
    assert len(text) == 8


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "diverged"}, "run abc: diverged"),
        ({"variants": ["exact"], "replays": 4}, "no code of new data"),
    ],
)
def test_runs_that_have_no_curve_to_export(changes, said):
    with pytest.raises(ConfigError, match=said):
        curve_csv(stored(**changes))


def test_the_command_that_reads_an_export():
    assert read_back(stored(), "x.csv") == (
        "epiplexity-jax curve x.csv --params 7264 --test-tokens 1000000 --vocab-size 96 "
        "--bytes-per-token 1"
    )
    assert "--test-tokens N" in read_back(stored(test_tokens=None, bytes_per_token=None), "x.csv")
    assert not has_dense_cost(stored(train_flops_per_token=5.0))


@pytest.mark.parametrize(
    ("beginning", "said"),
    [("x", "no run begins with 'x': there are ab1, ab2, c"), ("a", "several")],
)
def test_a_run_that_is_not_clear(beginning, said):
    with pytest.raises(ConfigError, match=said):
        find_run(["c", "ab1", "ab2"], beginning)
