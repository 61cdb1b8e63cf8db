"""Decompositions that a notebook shows, alone and as a list that becomes a data frame."""

from collections.abc import Iterable
from dataclasses import fields

import pyarrow as pa

from epiplexity_jax.analysis import Decomposition
from epiplexity_jax.report.frame_columns import RESULTS
from epiplexity_jax.report.frames import Framed, arrow_table
from epiplexity_jax.report.numbers import number, with_interval
from epiplexity_jax.report.shown import Part, Shown
from epiplexity_jax.report.tables import decomposition_table, floor_table, result_table


class ShownDecomposition(Decomposition, Shown, Framed):
    """A decomposition that a notebook shows, and that becomes a data frame of one row."""

    @classmethod
    def of(cls, one: Decomposition) -> "ShownDecomposition":
        """The same values."""
        return cls(**{f.name: getattr(one, f.name) for f in fields(one) if f.init})

    def to_arrow(self) -> pa.Table:
        """One row, with the columns of `Decompositions.to_arrow`."""
        return arrow_table([self.to_json()], RESULTS)

    def _parts(self) -> Iterable[Part]:
        return result_table(self), self.warnings

    def __repr__(self) -> str:
        learnt = with_interval(self.epiplexity_bits, self.epiplexity_bits_interval)
        return (
            f"<{self.source} at T = {number(self.compute_flops)} FLOPs: S_T {learnt} bits, "
            f"H_T {number(self.entropy_bits)} bits ({self.entropy_bits_per_token:.4g} bits/token), "
            f"{self.status}>"
        )


class Decompositions(list[Decomposition], Shown, Framed):
    """A list of decompositions that a notebook shows as one table."""

    def to_arrow(self) -> pa.Table:
        """One row a decomposition: its fields, intervals as two columns each."""
        return arrow_table((one.to_json() for one in self), RESULTS)

    def _parts(self) -> Iterable[Part]:
        if not self:
            return (["no decomposition"],)
        several = len({(one.variant, one.floor) for one in self}) > 1
        table = floor_table(self) if several else decomposition_table(self)
        warnings = dict.fromkeys(f"{one.source}: {w}" for one in self for w in one.warnings)
        return table, list(warnings)
