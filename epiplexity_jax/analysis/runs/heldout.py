"""Held-out losses of a run at its record points, at the level of the whole set, and their errors.

The whole set is scored at the end alone; a record point scores a subset of it. Which one it is
hardly matters once it is compared with the final model's losses on the same sequences (regression
estimator: Cochran 1977, 'Sampling Techniques', chapter 7).

Axis letters: R record point, B held-out block, Q unit error. Losses are nats per label token.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Shaped

from epiplexity_jax.analysis.runs import errors
from epiplexity_jax.analysis.runs.errors import Factors
from epiplexity_jax.analysis.shapes import AnyColumn, Blocks, Values
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import checks

_ENOUGH = 16  # blocks that a slope can be estimated from
_ROUNDING = 1e-6  # of float32 losses: blocks that differ by less of their mean are equal


@dataclass(frozen=True, eq=False)
class HeldoutLosses:
    """Held-out losses of one set of weights (EMA or raw).

    Attributes:
        loss_nats: [R] the last over the full held-out set, the others over the record subset.
        stderr_nats: [R] standard errors; zeros when not given.
        blocks_nats: [R, B] block means over the record subset of *every* record point, so that
            differences between record points pair; None when unknown.
        finals_nats: [R, B] those of the last record point's weights on the same sequences, in the
            last row on the whole set; None where all record points score the same subset.
        turns: [R] numbers of the subsets, 0 for the first, where record points take turns.
        batch_size: of the run, which decides what a turn scores.
    """

    loss_nats: Values
    stderr_nats: AnyColumn = field(default_factory=lambda: np.zeros(0))
    blocks_nats: Blocks | None = None
    finals_nats: Blocks | None = None
    turns: Shaped[np.ndarray, " points"] | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        """Turn the fields into float64 arrays of matching shapes."""
        loss = paired_columns(self, "loss_nats", "stderr_nats")
        for name in ("blocks_nats", "finals_nats"):
            if (given := getattr(self, name)) is None:
                continue
            blocks = checks.numbers(name, given)
            if blocks.ndim != 2 or blocks.shape[0] != loss.size or blocks.shape[1] < 2:
                raise ConfigError(
                    f"{name}: shape {blocks.shape} must be [{loss.size}, blocks], blocks >= 2"
                )
            object.__setattr__(self, name, blocks)

    @property
    def has_errors(self) -> bool:
        """True if something is known of their errors."""
        return self.blocks_nats is not None or bool(self.stderr_nats.any())

    @cached_property
    def scored(self) -> Blocks | None:
        """[R, B] block means over what each record point scored; with turns all at the last."""
        if self.finals_nats is None or self.blocks_nats is None:
            return self.blocks_nats
        return np.concatenate([self.blocks_nats[:-1], self.finals_nats[-1:]])

    @property
    def _final(self) -> Blocks:
        """[R, B] the final weights' on the same sequences."""
        assert self.blocks_nats is not None
        if self.finals_nats is not None:
            return self.finals_nats
        return np.broadcast_to(self.blocks_nats[-1], self.blocks_nats.shape)

    @cached_property
    def slopes(self) -> Values:
        """[R] by how much a loss changes with the final one on the same sequences.

        1 at the end, 0 of an untrained model that predicts uniformly, for which all sequences cost
        the same: what the held-out set has over the population does not move it.
        """
        own = self.scored
        if own is None:
            return np.ones_like(self.loss_nats)
        alike = np.ptp(own, axis=1) <= _ROUNDING * np.abs(own).mean(axis=1)
        own, final = (x - x.mean(axis=1, keepdims=True) for x in (own, self._final))
        spread = np.sum(final**2, axis=1)
        slopes = np.ones(len(own))
        if own.shape[1] >= _ENOUGH:
            np.divide(np.sum(own * final, axis=1), spread, out=slopes, where=spread > 0.0)
        slopes[alike & (spread > 0.0)] = 0.0
        slopes[-1] = 1.0
        return slopes

    def adjusted(self) -> Values:
        """Losses [R] at the level of the full held-out set.

        A record point's loss, and its slope times what the final weights lose on the full set more
        than on the sequences that it scored.
        """
        if self.scored is None:
            return self.loss_nats
        missed = self.loss_nats[-1] - self._final.mean(axis=1)
        losses = self.scored.mean(axis=1) + self.slopes * missed
        losses[-1] = self.loss_nats[-1]
        return losses

    def subset_errors(self) -> Factors:
        """Errors [Q, R] of `adjusted` by the record points' own subsets."""
        if self.scored is None:
            return {}
        return self.placed(self.scored - self.slopes[:, None] * self._final)

    def placed(self, blocks: Blocks) -> Factors:
        """Errors [Q, R] of the means of [R, B] values of the blocks that each record point scored.

        Those of one subset are one error, wherever it is scored; those of several are several.
        """
        points, count = blocks.shape
        own = errors.of_blocks(blocks.T)
        if self.turns is None or self.finals_nats is None:
            return {f"record {count}": own}
        turns = np.asarray(self.turns).astype(np.int64)
        last = np.arange(points) == points - 1
        rows = np.zeros((int(turns[:-1].max(initial=0)), count, points))
        for point in np.flatnonzero(~last & (turns > 0)):
            rows[turns[point] - 1, :, point] = own[:, point]
        return {
            f"record {count}": own * (~last & (turns == 0)),
            f"turns {count} {self.batch_size}": rows.reshape(-1, points),
            f"heldout {count}": own * last,
        }

    def whole_set(self) -> Factors:
        """Errors [Q, 1] of the full held-out set.

        Where all record points score one subset, its blocks stand for those of the whole, whose
        standard error is known; the part of the whole that is the subset errs with it.
        """
        stderr = float(self.stderr_nats[-1])
        if self.blocks_nats is None:
            return {"heldout": np.array([[stderr]])}
        own = errors.of_blocks(self._final[-1:].T)
        count, size = len(own), float(np.sqrt(np.sum(own**2)))
        if self.finals_nats is not None:
            return {f"heldout {count}": own}
        scale = stderr / size if size > 0.0 else 0.0
        share = min(scale, 1.0)  # sqrt of the subset's part of the tokens: errors fall as 1 / sqrt
        whole = own * scale
        return {f"record {count}": share * whole, f"rest {count}": np.sqrt(1.0 - share**2) * whole}

    @property
    def subsets(self) -> int:
        """Number of subsets that record points score, whose errors are independent."""
        return 1 if self.turns is None else len(np.unique(self.turns[:-1]))


def paired_columns(owner: object, values: str, spread: str) -> Values:
    """Make two fields float64 arrays [R], errors that are not given zeros; return the values.

    Args:
        owner: a frozen dataclass.
        values: name of the field of values.
        spread: name of the field of their errors or variances.

    Raises:
        ConfigError: when the two have other shapes than [R].
    """
    array = checks.numbers(values, getattr(owner, values))
    given = checks.numbers(spread, getattr(owner, spread))
    given = np.zeros_like(array) if given.size == 0 else given
    if array.ndim != 1 or given.shape != array.shape:
        raise ConfigError(
            f"{spread}: shape {given.shape} must equal that of {values}, {array.shape}, [R]"
        )
    object.__setattr__(owner, values, array)
    object.__setattr__(owner, spread, given)
    return array
