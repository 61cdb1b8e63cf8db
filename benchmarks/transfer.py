"""What models of tic-tac-toe know about positions: probes and fine-tuning, beside scratch.

Run: python benchmarks/transfer.py [STORE]  (a few minutes on two cores; the store is that of
`epiplexity-jax experiments run tic_tac_toe`, and is trained where it is missing)

The members were trained on games in one of two orders. Each is asked who wins a finished game, and
what a position after five random plies is worth, read as moves and as a board: by a probe of its
readout alone, and with all parameters. The paper's analogue (Fig. 7) finds
that centipawn classes are predicted better by models that read the board first; the same sign is
expected here, and reported either way.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from result import write

import epiplexity_jax as epx
from epiplexity_jax.experiments.perform import run_experiment
from epiplexity_jax.progress import progress_bar
from epiplexity_jax.runtime.devices import configure_process

ROOT = Path(__file__).parents[1]
STORE = ROOT / "runs" / "experiments" / "tic_tac_toe-small"
ORDERS = ("moves_first", "board_first")
TRAINED = ("readout", "all")
STEPS, HELDOUT, PLIES = 1000, 8192, 5


def targets() -> dict[str, Any]:
    """The questions, by name; a member reads at most half a sequence of its training."""
    kind = epx.sources.TicTacToeQuestions
    found = {}
    for inputs, words in (("moves", "moves"), ("board", "the board")):
        found[f"winner, from {words}"] = kind(question="winner", inputs=inputs)
        found[f"value, from {words}"] = kind(question="value", plies=PLIES, inputs=inputs)
    return found


def ask(store: Path, order: str, name: str, target: Any, train: Any) -> list[dict[str, Any]]:
    """One row a member: accuracy and loss, its own and from scratch."""
    found = epx.transfer(
        store,
        target,
        sources=[order],
        test_tokens=1e6,
        train=train,
        steps=STEPS,
        heldout_tokens=HELDOUT,
        seed=1,
    )
    kept = ("size", "seed", "model_bits", "loss_nats", "accuracy", "scratch_accuracy")
    return [
        {"order": order, "question": name, "train": train}
        | {key: row.get(key) for key in (*kept, "gain_nats", "status")}
        for row in found.members
    ]


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean accuracy over seeds, by question, parameters, size and order, with its spread."""
    keys = sorted({(r["question"], r["train"], r["size"], r["order"]) for r in rows})
    table = []
    for question, train, size, order in keys:
        named = {"question": question, "train": train, "size": size, "order": order}
        these = [r for r in rows if all(r[key] == value for key, value in named.items())]
        accuracies = np.array([r["accuracy"] for r in these], float)
        scratch = np.array([r["scratch_accuracy"] for r in these], float)
        table.append(
            named
            | {
                "seeds": len(these),
                "accuracy": float(accuracies.mean()),
                "accuracy_std": float(accuracies.std(ddof=1)) if len(these) > 1 else None,
                "scratch_accuracy": float(scratch.mean()),
            }
        )
    return table


def checks(table: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    """What is expected of the largest size."""
    largest = max({row["size"] for row in table}, key=lambda size: (len(size), size))
    found = {}
    for row in table:
        if row["size"] != largest:
            continue
        where = f"{row['question']}, {row['train']}, {row['order']}"
        found[f"pre-training helps: {where}"] = row["accuracy"] > row["scratch_accuracy"]
    for question in sorted({row["question"] for row in table}):
        by_order = {
            row["order"]: row["accuracy"]
            for row in table
            if (row["question"], row["train"], row["size"]) == (question, "readout", largest)
        }
        sign = by_order["board_first"] > by_order["moves_first"]
        found[f"board first probes better: {question}"] = sign
    return found


def main() -> None:
    configure_process()
    store = Path(sys.argv[1]) if len(sys.argv) > 1 else STORE
    if not store.exists():
        run_experiment("tic_tac_toe", "small", store, progress_bar())
    rows = [
        row
        for order in ORDERS
        for name, target in targets().items()
        for train in TRAINED
        for row in ask(store, order, name, target, train)
    ]
    table = summary(rows)
    passed = checks(table)
    for row in table:
        print(row)
    print(write("transfer", steps=STEPS, checks=passed, table=table, rows=rows))
    for sentence, holds in passed.items():
        print("holds " if holds else "FAILS ", sentence)
    sys.exit(not all(passed.values()))


if __name__ == "__main__":
    main()
