"""Runs that a notebook shows, and that become a data frame."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from epiplexity_jax.analysis.runs.final_lengths import run_row
from epiplexity_jax.report.frame_columns import RUN_ROWS
from epiplexity_jax.report.frames import Framed, arrow_table
from epiplexity_jax.report.shown import Part, Shown
from epiplexity_jax.report.tables import runs_table
from epiplexity_jax.store import StoredRun

MOST = 60  # runs that a notebook shows


class ShownRuns(Shown, Framed):
    """Shows the runs of a store; `results.Runs` has the runs.

    Attributes:
        path: the store's folder.
    """

    path: Path
    _runs: Sequence[StoredRun]

    @property
    @abstractmethod
    def sources(self) -> list[str]:
        """Names of the sources."""

    @property
    @abstractmethod
    def test_tokens(self) -> float | None:
        """Label tokens of the dataset, where the config names them."""

    @abstractmethod
    def rows(self, test_tokens: float | None = None, **options: Any) -> list[dict[str, Any]]:
        """One row per run."""

    @abstractmethod
    def _asked_for(self, estimator: str, variants: Sequence[str]) -> tuple[str | None, str | None]:
        """The variant and the floor of the config."""

    def _row(
        self,
        run: StoredRun,
        test_tokens: float | None,
        variant: str | None = None,
        floor: str | None = None,
    ) -> dict[str, Any]:
        """The row of a run; without test tokens it has no lengths."""
        own = self._asked_for(run.row["estimator"], run.row["variants"])
        return run_row(run, test_tokens, variant or own[0], floor or own[1])

    def to_arrow(self, **options: Any) -> pa.Table:
        """One row a run.

        Args:
            **options: as for `rows`, `test_tokens` by name too.
        """
        return arrow_table(self.rows(**options), RUN_ROWS)

    def _parts(self) -> Iterable[Part]:
        rows = [self._row(run, self.test_tokens) for run in self._runs[:MOST]]
        return runs_table(rows), _notes(rows, len(self._runs) - len(rows), self.test_tokens)

    def __repr__(self) -> str:
        count = len(self._runs)
        return f"<Runs of {self.path}: {count} run{'s' * (count > 1)} of {', '.join(self.sources)}>"


def _notes(rows: Sequence[Mapping[str, Any]], more: int, test_tokens: float | None) -> list[str]:
    """Sentences below a table of runs: what it leaves out, and why runs ended early.

    Args:
        rows: the runs that are shown.
        more: number of those that are not.
        test_tokens: label tokens of the dataset, where they are known.
    """
    notes = [f"{more} runs more: rows() and to_pandas() have all"] if more else []
    if test_tokens is None:
        notes.append(
            "no test tokens are known, so the lengths are left out: rows(test_tokens=...) has them"
        )
    return notes + [
        f"{row['source']}, {row['size']}, seed {row['seed']}: {row['message']}"
        for row in rows
        if row["message"]
    ]
