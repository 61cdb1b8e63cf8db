"""A run's code, token by token, whose area above the floor is the length of its model.

Axis letters: I interval between record points.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from epiplexity_jax.analysis.runs import variants
from epiplexity_jax.analysis.runs.codes import VARIANTS
from epiplexity_jax.analysis.runs.curve import Curve
from epiplexity_jax.analysis.runs.floor import Correction
from epiplexity_jax.analysis.runs.lengths import check_choice
from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.base.units import nats_to_bits


@dataclass(frozen=True, eq=False)
class LossArea:
    """A run's code over its training tokens, from the untrained model to the last record point.

    Attributes:
        edges: [I + 1] label tokens at which intervals begin and end, the first 0.
        losses: [I] mean code length in an interval, bits per label token.
        floor: level above which the area is the model's length, bits per label token; 0 of a
            requential code, whose messages are the model alone.
    """

    edges: Float64[np.ndarray, " edges"]
    losses: Float64[np.ndarray, " intervals"]
    floor: float

    @property
    def bits(self) -> float:
        """The area, bits: the model length without the names of its choices."""
        return float(np.diff(self.edges) @ (self.losses - self.floor))

    def thinned(self, most: int) -> "LossArea":
        """The same area in fewer intervals, in which neighbours are joined.

        Args:
            most: number of intervals at most, 1 or more.
        """
        if self.losses.size <= most:
            return self
        # By count, not by tokens: record points are dense where losses fall fast.
        kept = np.unique(np.round(np.linspace(0, self.losses.size, most + 1)).astype(np.int64))
        sums = np.concatenate([[0.0], np.cumsum(np.diff(self.edges) * self.losses)])
        edges = self.edges[kept]
        return LossArea(edges, np.diff(sums[kept]) / np.diff(edges), self.floor)

    def to_json(self) -> dict[str, Any]:
        """Plain values by field name."""
        return {"edges": self.edges.tolist(), "losses": self.losses.tolist(), "floor": self.floor}


def loss_area(
    curve: Curve,
    test_tokens: float,
    variant: str | None = None,
    floor: str | None = None,
    correction: Correction | None = None,
) -> LossArea | None:
    """Code lengths of a run's training tokens, with the floor that ends their area.

    Args:
        curve: the run.
        test_tokens: label tokens of the dataset whose information is measured.
        variant: as for `score`.
        floor: as for `score`.
        correction: as for `score`.

    Returns:
        The area; None of a run that diverged or learnt nothing, or where the variant has none.

    Raises:
        ConfigError: when the run's history does not allow the variant or the floor.
    """
    if curve.status == RunStatus.DIVERGED or curve.label_tokens[-1] == 0:
        return None
    variant, floor = check_choice(curve, variant, floor)
    code = VARIANTS.find(variant, "variant")
    choice = None
    if code.switches:
        choice = variants.choose_switch([curve], test_tokens, floor, correction)
    coded = code.coded(curve, variants.ends_of(curve, floor, correction), choice)
    if (stream := coded.stream_nats) is None:
        return None
    labels = curve.label_tokens
    level = (stream[-1] - coded.model_nats[-1]) / labels[-1]
    steps = np.diff(stream) / np.diff(labels)
    return LossArea(labels, nats_to_bits(steps), float(nats_to_bits(level)))
