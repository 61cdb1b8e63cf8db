"""The table of a transfer."""

from epiplexity_jax.report.transfer_tables import correlation_sentences, transfer_table

TARGET = {"heldout_sequences": 256, "most_frequent_share": 0.52, "label_tokens": 1}
OPTIONS = {"train": "last_blocks", "blocks": None, "steps": 100, "batch_size": 32}


def made(**changes):
    row = {
        **{"kind": "member", "source": "text", "size": "width 8 depth 1", "seed": 1, "step": 300},
        **{"model_bits": 1.25e5, "train_loss_nats": 0.4, "loss_nats": 0.5, "status": "finished"},
        **{"loss_stderr_nats": 0.01, "accuracy": 0.75, "accuracy_interval": (0.7, 0.8)},
        **{"label_accuracy": 0.875},
        **{"gain_nats": 0.2, "gain_nats_interval": (0.15, 0.25)},
    }
    return row | changes


def test_a_line_has_loss_accuracy_and_gain_with_intervals():
    table = transfer_table([made()], TARGET, OPTIONS)
    assert dict(zip([c.name for c in table.columns], table.rows[0], strict=True)) == {
        **{"source": "text", "size": "width 8 depth 1", "seed": "1", "steps": "300"},
        **{"model, bits": "1.25e5", "train, nats": "0.4", "loss, nats": "0.5 ±0.02"},
        **{"accuracy": "0.750 (0.700-0.800)", "gain, nats": "0.2 ±0.05"},
    }
    assert "the last 1 block(s) and the readout learn, 100 steps of 32" in table.caption
    assert (
        "256 held-out sequences, 0.520 of whose labels are the most frequent symbol"
        in table.caption
    )


def test_several_labels_of_a_sequence_have_a_column_of_their_own():
    table = transfer_table([made()], TARGET | {"label_tokens": 8}, OPTIONS)
    names = [column.name for column in table.columns]
    assert table.rows[0][names.index("labels right")] == "0.875"


def test_scratch_stands_below_and_has_no_gain():
    scratch = made(kind="scratch", source=None, model_bits=None, step=0, gain_nats=0.0)
    table = transfer_table([made(), scratch], TARGET, OPTIONS | {"train": "readout"})
    assert table.ends == {0}
    assert table.rows[1][0] == "(scratch)"
    assert (table.rows[1][4], table.rows[1][-1]) == ("", "")


def test_a_member_that_diverged_says_so():
    names = ("loss_nats", "loss_stderr_nats", "accuracy", "accuracy_interval", "gain_nats")
    lost = made(status="diverged", train_loss_nats=None, **dict.fromkeys(names))
    (cells,) = transfer_table([lost], TARGET, OPTIONS | {"train": "all"}).rows
    assert cells[-4:] == ("", "diverged", "", "")


def test_sentences_on_rank_correlations():
    found = {"value": "loss_nats", "against": "model_bits", "members": 6}
    known = found | {"rank_correlation": -0.9, "rank_correlation_interval": (-1.0, -0.5)}
    open_ = found | {"rank_correlation": None, "rank_correlation_interval": None}
    assert correlation_sentences([known, open_]) == [
        "rank correlation of loss with model bits over 6 members: -0.90 (95 %: -1.00 to -0.50)",
        "rank correlation of loss with model bits over 6 members: not defined, as all values are "
        "equal",
    ]
