"""What models of tic-tac-toe know about positions: probes and fine-tuning, beside scratch.

Run: python benchmarks/transfer.py [STORE]  (a few minutes on two cores; the store is that of
`epiplexity-jax experiments run tic_tac_toe`, and is trained where it is missing). `--read` checks
the committed rows again, without training.

The members were trained on games in one of two orders. Each is asked who wins a finished game, and
what a position after five random plies is worth, read as moves and as a board: by a probe of its
readout alone, and with all parameters. The paper's analogue (Fig. 7) finds
that centipawn classes are predicted better by models that read the board first; the same sign is
expected here, and reported either way.

A member and its scratch, and two members of one seed, begin with the same weights, so their
accuracies are paired by seed. A statement holds where the 95 % interval of the mean difference is
above 0, fails where it is below, and is open otherwise: so is one about two models that both give
the most frequent answer.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from result import write
from verdicts import Checks, paired, parser, positive, read_again, say

import epiplexity_jax as epx
from epiplexity_jax.experiments.perform import run_experiment
from epiplexity_jax.progress import progress_bar
from epiplexity_jax.runtime.devices import configure_process

ROOT = Path(__file__).parents[1]
STORE = ROOT / "runs" / "experiments" / "tic_tac_toe-small"
ORDERS = ("moves_first", "board_first")
TRAINED = ("readout", "all")
MEMBERS = ("question", "train", "size", "order")  # what members that differ by seed alone share
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


def accuracies(
    rows: Sequence[Mapping[str, Any]], named: Mapping[str, Any], key: str = "accuracy"
) -> np.ndarray:
    """Accuracies of some members, by seed; NaN where one diverged.

    Args:
        rows: all rows.
        named: question, parameters, size and order.
        key: "accuracy", or "scratch_accuracy" of the same model from scratch.
    """
    these = [r for r in rows if all(r[name] == value for name, value in named.items())]
    return np.array([r[key] for r in sorted(these, key=lambda r: r["seed"])], float)


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean accuracy over seeds and from scratch, their difference, and whether it is above 0."""
    table = []
    for one in sorted({tuple(row[key] for key in MEMBERS) for row in rows}):
        named: dict[str, Any] = dict(zip(MEMBERS, one, strict=True))
        own = accuracies(rows, named)
        scratch = accuracies(rows, named, "scratch_accuracy")
        gain = paired(own, scratch)
        table.append(
            named
            | {
                "seeds": len(own),
                "accuracy": float(np.mean(own)),
                "scratch_accuracy": float(np.mean(scratch)),
                "gain": gain.value,
                "gain_interval": gain.interval,
                "helps": positive(gain),
            }
        )
    return table


def checks(rows: Sequence[Mapping[str, Any]]) -> Checks:
    """Statements about every size: True, False, or None where they are open."""
    found: dict[str, bool | None] = {}
    for row in summary(rows):
        where = ", ".join(row[key] for key in MEMBERS)
        found[f"pre-training helps: {where}"] = row["helps"]
    for question, size in sorted({(row["question"], row["size"]) for row in rows}):
        named = {"question": question, "size": size, "train": "readout"}
        board, moves = (
            accuracies(rows, named | {"order": order}) for order in ("board_first", "moves_first")
        )
        found[f"board first probes better: {question}, {size}"] = positive(paired(board, moves))
    return found


def derived(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The parts of the result that follow from its rows."""
    return {"checks": checks(rows), "table": summary(rows)}


def main() -> None:
    made = parser()
    made.add_argument("store", nargs="?", type=Path, default=STORE, help="trained if missing")
    given = made.parse_args()
    if given.read:
        path = read_again("transfer", lambda found: derived(found["rows"]))
    else:
        configure_process()
        if not given.store.exists():
            run_experiment("tic_tac_toe", "small", given.store, progress_bar())
        rows = [
            row
            for order in ORDERS
            for name, target in targets().items()
            for train in TRAINED
            for row in ask(given.store, order, name, target, train)
        ]
        path = write("transfer", steps=STEPS, **derived(rows), rows=rows)
    say(path)


if __name__ == "__main__":
    main()
