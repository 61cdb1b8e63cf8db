"""A stored run as the table that `read_curve` reads.

Axis letters: R record point.
"""

import shlex
from collections.abc import Iterable

import numpy as np

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.store import StoredRun

COLUMNS = ("step", "label_tokens", "train_tokens", "loss_nats", "heldout_loss_nats")


def curve_csv(run: StoredRun) -> str:
    """The online training losses of a run as CSV, numbers so that they read back exactly.

    A row's `loss_nats` is the mean over the label tokens since the row before; `heldout_loss_nats`
    is that of the EMA weights at the row. The untrained model has no row: it covers no tokens.

    Args:
        run: its history has the columns of store/schema.py, [R].

    Raises:
        ConfigError: when the run has no online losses, diverged, or read its data repeatedly.
    """
    row, history = run.row, run.history
    if row["status"] == RunStatus.DIVERGED:
        raise ConfigError(f"run {row['run_id']}: diverged, so no final model ends its curve")
    if "online" not in row["variants"]:
        allowed = ", ".join(row["variants"])
        raise ConfigError(
            f"run {row['run_id']}: its training losses are no code of new data (variants: "
            f"{allowed}), so its curve has no area to export"
        )
    counts = [np.asarray(history[name], dtype=np.int64) for name in COLUMNS[:3]]
    sums, heldout = (
        np.asarray(history[name], dtype=np.float64)
        for name in ("online_loss_sum_nats", "heldout_loss_nats")
    )
    columns = [*(c[1:] for c in counts), np.diff(sums) / np.diff(counts[1]), heldout[1:]]
    lines = [
        ",".join(map(repr, cells)) for cells in zip(*(c.tolist() for c in columns), strict=True)
    ]
    return "\n".join([",".join(COLUMNS), *lines]) + "\n"


def read_back(run: StoredRun, file: str) -> str:
    """The command that reads an exported curve and gives the run's own estimate.

    Args:
        run: the run.
        file: the file that its curve was written to.
    """
    row = run.row
    words = ["epiplexity-jax curve", shlex.quote(file), f"--params {row['params']}"]
    tokens = "N" if row["test_tokens"] is None else f"{row['test_tokens']:.17g}"
    words += [f"--test-tokens {tokens}", f"--vocab-size {row['vocab_size']}"]
    if row["bytes_per_token"] is not None:
        words.append(f"--bytes-per-token {row['bytes_per_token']:.17g}")
    return " ".join(words)


def has_dense_cost(run: StoredRun) -> bool:
    """Return whether a run's FLOPs are 6 N a trained and 2 N an evaluated token, as in `curve`."""
    row = run.row
    dense = 6.0 * row["params"], 2.0 * row["params"]
    return (row["train_flops_per_token"], row["eval_flops_per_token"]) == dense


def find_run(run_ids: Iterable[str], beginning: str) -> str:
    """The one run whose id is, or begins with, a text.

    Raises:
        ConfigError: when none or several do.

    >>> find_run(["ab1", "ab", "cd"], "ab"), find_run(["ab1", "cd"], "a")
    ('ab', 'ab1')
    """
    known = sorted(run_ids)
    if beginning in known:
        return beginning
    fitting = [run_id for run_id in known if run_id.startswith(beginning)]
    if len(fitting) == 1:
        return fitting[0]
    shown = ", ".join((fitting or known)[:6]) + (", ..." if len(fitting or known) > 6 else "")
    fault = "several runs begin" if fitting else "no run begins"
    raise ConfigError(f"--export-curve: {fault} with {beginning!r}: there are {shown}")
