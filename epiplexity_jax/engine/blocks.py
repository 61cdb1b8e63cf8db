"""Sums of a run by block of steps, from which codes that mix runs are read."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float64, Integer, Shaped

from epiplexity_jax.coding.blocks import GROUPS, block_ends, block_grid

BlockColumns = dict[str, np.ndarray]
Rows = Float64[np.ndarray, "steps columns"]
Totals = Float64[np.ndarray, " steps"]
SequenceLosses = Float64[np.ndarray, "steps sequences"]
Components = Integer[np.ndarray, "batches sequences"]

_COMPONENTS, _LABELS = "component_loss_nats", "component_label_tokens"
_GROUP_LABELS = "group_label_tokens"


class BlockSums:
    """Sums by block of `coding.block_grid`, each step added after the one before it.

    So a sum is the same however steps are cut into chunks, and the last block of a shorter run is
    the beginning of a longer one's.

    Args:
        names: names of the sums; the first is divided by component, too.
        sequences: B, of a batch.
        labels: label tokens of a sequence; None where they vary, and are counted by group, too.
        components: K, of the source.
    """

    def __init__(self, names: Sequence[str], sequences: int, labels: int | None, components: int):
        self.names, self.sequences, self.labels = tuple(names), sequences, labels
        groups = min(GROUPS, sequences)
        self._group = np.arange(sequences) % groups
        widths: dict[str, int] = {}
        for name in self.names:
            widths |= {f"{name}_nats": 1, f"{name}_groups_nats": groups}
        widths |= {_COMPONENTS: components, _LABELS: components}
        widths |= {_GROUP_LABELS: groups} if labels is None else {}
        stops = np.cumsum(list(widths.values())).tolist()
        self._place = {
            name: slice(stop - width, stop)
            for (name, width), stop in zip(widths.items(), stops, strict=True)
        }
        self._table = np.zeros((0, stops[-1]))

    def add(
        self,
        first: int,
        totals: Sequence[Totals],
        losses: Sequence[SequenceLosses],
        learnt: Bool[np.ndarray, " steps"],
        components: Components | None,
        labels: SequenceLosses | None = None,
    ) -> None:
        """Add the next n steps.

        Args:
            first: steps before them.
            totals: a column [n] for each sum, nats.
            losses: a table [n, B] for each sum, nats of every sequence.
            learnt: [n], whether the step read a batch of real data.
            components: [sum of `learnt`, B] component of each sequence of the batches that were
                read; None where there is one.
            labels: [n, B] label tokens of every sequence, where they vary.
        """
        if not len(learnt):
            return
        rows = np.zeros((len(learnt), self._table.shape[1]))
        for name, total, each in zip(self.names, totals, losses, strict=True):
            rows[:, self._place[f"{name}_nats"]] = total[:, None]
            groups = np.broadcast_to(self._group, each.shape)
            place = self._place[f"{name}_groups_nats"]
            rows[:, place] = _adding_up(_sums_by(groups, each, place.stop - place.start), total)
        paid = np.full(losses[0].shape, float(self.labels or 0)) if labels is None else labels
        paid = np.where(learnt[:, None], paid, 0.0)
        if labels is not None:
            place = self._place[_GROUP_LABELS]
            groups = np.broadcast_to(self._group, paid.shape)
            rows[:, place] = _sums_by(groups, paid, place.stop - place.start)
        if components is None:
            rows[:, self._place[_COMPONENTS]] = totals[0][:, None]
            rows[:, self._place[_LABELS]] = paid.sum(axis=1, keepdims=True)
        else:
            count = self._place[_LABELS].stop - self._place[_LABELS].start
            of = np.zeros(losses[0].shape, np.int64)
            of[learnt] = components
            rows[:, self._place[_COMPONENTS]] = _adding_up(
                _sums_by(of, losses[0], count), totals[0]
            )
            rows[:, self._place[_LABELS]] = _sums_by(of, paid, count)
        self._add(first, rows)

    def _add(self, first: int, rows: Rows) -> None:
        blocks = np.searchsorted(block_ends(), first + 1 + np.arange(len(rows)))
        if (more := int(blocks[-1]) + 1 - len(self._table)) > 0:
            room = np.zeros((max(more, len(self._table)), self._table.shape[1]))
            self._table = np.concatenate([self._table, room])
        np.add.at(self._table, blocks, rows)

    def columns(self, steps: int) -> BlockColumns:
        """The columns of a stream file after so many steps, [N] or [N, ...] each."""
        grid = block_grid(steps)
        table = self._table[: len(grid) - 1]
        found: BlockColumns = {name: table[:, place].copy() for name, place in self._place.items()}
        found |= {f"{name}_nats": found[f"{name}_nats"][:, 0] for name in self.names}
        found |= {
            name: found[name].astype(np.int64) for name in (_LABELS, _GROUP_LABELS) if name in found
        }
        read = np.cumsum(found[_LABELS].sum(axis=1))
        return {"first_step": grid[:-1] + 1, "last_step": grid[1:], "label_tokens": read} | found

    def restore(self, columns: Mapping[str, Shaped[np.ndarray, "..."]]) -> None:
        """Take up sums that `columns` gave, to the last bit."""
        self._table = np.zeros((len(columns["last_step"]), self._table.shape[1]))
        for name, place in self._place.items():
            self._table[:, place] = columns[name].reshape(self._table[:, place].shape)


def _adding_up(
    parts: Float64[np.ndarray, "steps labels"], totals: Totals
) -> Float64[np.ndarray, "steps labels"]:
    """Spread over the parts of each step what they miss of its total.

    The device adds up a batch in float32, so its total differs from the parts' by rounding.
    """
    sizes = np.abs(parts)
    missing = totals - parts.sum(axis=1)
    share = np.zeros(len(parts))
    np.divide(missing, sizes.sum(axis=1), out=share, where=np.isfinite(totals) & sizes.any(axis=1))
    return parts + share[:, None] * sizes


def _sums_by(
    labels: Integer[np.ndarray, "steps sequences"], values: SequenceLosses, count: int
) -> Float64[np.ndarray, "steps labels"]:
    """Sum the values of every step by the label of each, 0 to count - 1, in their order."""
    steps = np.arange(len(values))[:, None] * count
    found = np.bincount((steps + labels).ravel(), values.ravel(), len(values) * count)
    return found.reshape(len(values), count)
