"""The loss that ends an area, where it comes from, and how far it is known."""

import math
from dataclasses import dataclass

from epiplexity_jax.analysis.logs.loss_curve import LossCurve
from epiplexity_jax.analysis.logs.scatter import Level, level
from epiplexity_jax.base.errors import ConfigError

_SHARE = 10  # of the rows, one in so many is among the last


@dataclass(frozen=True)
class CurveFloor:
    """The loss that ends an area.

    Attributes:
        level: the loss with its error, nats per label token.
        origin: given, column (held-out losses of the file) or last_rows (of the training losses).
        said: sentences on where it comes from and on its error.
    """

    level: Level
    origin: str
    said: tuple[str, ...]

    @property
    def nats(self) -> float:
        """The loss."""
        return self.level.nats


def floor_of(curve: LossCurve, given: float | None, rows: int | None) -> CurveFloor:
    """The floor of a curve: given, else the file's held-out loss, else the mean of its last rows.

    Args:
        curve: the training losses.
        given: nats per label token.
        rows: number of last rows in the mean; default: a tenth of them.

    Raises:
        ConfigError: when an argument is not allowed.
    """
    if given is not None:
        if not (given >= 0 and math.isfinite(given)):
            raise ConfigError(f"floor: must be a loss of at least 0 nats, got {given:g}")
        return CurveFloor(Level(given, rows=0), "given", ())
    if curve.heldout_nats is not None:
        found = curve.heldout_level or Level(curve.heldout_nats)
        return CurveFloor(found, "column", (_of_column(found),))
    count = curve.losses_nats.size
    if rows is not None and not 1 <= rows <= count:
        raise ConfigError(
            f"--floor-rows: must be between 1 and the {count} rows of the curve, got {rows}"
        )
    weights = curve.widths if curve.sampled_step is None else None
    found = level(curve.label_tokens, curve.losses_nats, rows or max(1, count // _SHARE), weights)
    return CurveFloor(found, "last_rows", tuple(_of_rows(found)))


def _of_column(found: Level) -> str:
    """The sentence on a floor of held-out losses."""
    if found.stderr is None:
        return (
            f"the floor is the held-out loss, {found.nats:.6g} nats; the file shows no error of it "
            "(five evaluations in the second half of training would), so the results have no error "
            "and no interval"
        )
    which = (
        "the last held-out loss"
        if found.rows == 1
        else f"the mean of the last {found.rows} held-out losses"
    )
    return (
        f"the floor is {which}, {found.nats:.6g} nats; its error of {found.stderr:.2g} nats is the "
        "scatter of the evaluations, without what one held-out set has over another"
    )


def _of_rows(found: Level) -> list[str]:
    """Sentences on a floor of training losses."""
    which = "last training loss" if found.rows == 1 else f"mean of the last {found.rows} rows"
    error = (
        "the rows show no error of it, so the results have none"
        if found.stderr is None
        else f"+- {found.stderr:.2g} by their scatter"
    )
    said = [
        f"the floor is the {which}, {found.nats:.6g} nats ({error}): training text as the floor; "
        "give a held-out loss (--floor), or another number of rows (--floor-rows)"
    ]
    if found.correlation_rows > 2.0:
        said.append(
            f"the last losses vary together over about {found.correlation_rows:.2g} rows, which "
            "the error counts in"
        )
    if found.drift < 0.0:
        said.append(
            f"the loss still falls over these rows, to {-found.drift:.2g} nats below their mean, "
            "so the area is too small by about that; the interval counts it in"
        )
    return said
