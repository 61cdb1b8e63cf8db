"""The table and the sentences of a transfer."""

from collections.abc import Mapping, Sequence
from typing import Any

from epiplexity_jax.report.numbers import number, with_interval
from epiplexity_jax.report.table import Table, TableColumn

_WORDS = {
    "accuracy": "accuracy",
    "loss_nats": "loss",
    "model_bits": "model bits",
    "params": "parameters",
}
_TEXTS = {"source", "size"}
_COLUMNS = {  # heading: its place among those that a narrow terminal does without
    **{"source": 0, "size": 0, "seed": 0, "steps": 2, "model, bits": 0},
    **{"train, nats": 1, "loss, nats": 0, "accuracy": 0, "labels right": 3, "gain, nats": 0},
}


def transfer_table(
    rows: Sequence[Mapping[str, Any]], target: Mapping[str, Any], options: Mapping[str, Any]
) -> Table:
    """One line a member and one for each untrained model, intervals at 95 %.

    Where a sequence has one label, the labels that are right have no column of their own.

    Args:
        rows: rows of a transfer.
        target: facts of the target.
        options: the options of the training.
    """
    hidden = {"labels right"} if target["label_tokens"] == 1 else set()
    shown = [name for name in _COLUMNS if name not in hidden]
    columns = [
        TableColumn(name, "left" if name in _TEXTS else "right", spare=_COLUMNS[name])
        for name in shown
    ]
    table = Table(columns, caption=_caption(target, options))
    for i, row in enumerate(rows):
        ends = i + 1 < len(rows) and rows[i + 1]["kind"] != row["kind"]
        cells = {
            "source": row["source"] or "(scratch)",
            "size": row["size"],
            "seed": str(row["seed"]),
            "steps": str(row["step"]),
            "model, bits": number(row["model_bits"]),
            "train, nats": number(row["train_loss_nats"], 4),
            "loss, nats": _loss(row),
            "accuracy": "" if row["accuracy"] is None else _share(row),
            "labels right": number(row["label_accuracy"]),
            "gain, nats": _gain(row),
        }
        table.add(*(cells[name] for name in shown), end_section=ends)
    return table


def correlation_sentences(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence a rank correlation."""
    return [
        f"rank correlation of {_WORDS[one['value']]} with {_WORDS[one['against']]} over "
        f"{one['members']} members: {_correlation(one)}"
        for one in found
    ]


def _correlation(one: Mapping[str, Any]) -> str:
    if one["rank_correlation"] is None:
        return "not defined, as all values are equal"
    low, high = one["rank_correlation_interval"]
    return f"{one['rank_correlation']:.2f} (95 %: {low:.2f} to {high:.2f})"


def _loss(row: Mapping[str, Any]) -> str:
    if row["loss_nats"] is None:
        return str(row["status"])
    error = 1.96 * row["loss_stderr_nats"]
    return with_interval(row["loss_nats"], (row["loss_nats"] - error, row["loss_nats"] + error))


def _share(row: Mapping[str, Any]) -> str:
    low, high = row["accuracy_interval"]
    return f"{row['accuracy']:.3f} ({low:.3f}-{high:.3f})"


def _gain(row: Mapping[str, Any]) -> str:
    if row["kind"] == "scratch" or row["gain_nats"] is None:
        return ""
    return with_interval(row["gain_nats"], row["gain_nats_interval"])


def _caption(target: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    learns = {
        "all": "all parameters learn",
        "last_blocks": f"the last {options['blocks'] or 1} block(s) and the readout learn",
        "readout": "the readout alone learns",
    }[options["train"]]
    taught = f"{learns}, {options['steps']} steps of {options['batch_size']}"
    return (
        f"{taught if options['steps'] else 'nothing learns: members as they are'}; "
        f"{target['heldout_sequences']} held-out sequences, "
        f"{target['most_frequent_share']:.3f} of whose labels are the most frequent symbol\n"
        "(scratch): the same models with their initial weights; gain: their loss less the member's"
    )
