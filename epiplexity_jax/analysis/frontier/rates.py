"""Change of S with the learning rate, from runs at half and twice the tuned one."""

from collections.abc import Mapping
from dataclasses import dataclass

from epiplexity_jax.analysis.frontier.frontier import Frontier


@dataclass(frozen=True)
class RateChange:
    """Results at half and twice the tuned rate, on the size that was tuned.

    Attributes:
        source: name of the source.
        learning_rate: the rate by which its members train.
        size: the size.
        epiplexity: factor to S at each factor to the rate; None where training diverged.
    """

    source: str
    learning_rate: float
    size: str
    epiplexity: Mapping[float, float | None]


def rate_change(frontier: Frontier) -> RateChange | None:
    """Find what half and twice the rate would give; None where they were not tried."""
    recipe = frontier.setting.recipe
    if recipe is None or not recipe.neighbours or recipe.size is None:
        return None
    own = recipe.values["learning_rate"]
    found: dict[float, float | None] = {}
    for one in recipe.neighbours:
        if "learning_rate" not in one:
            continue
        change, diverged = one["epiplexity_change"], one["mdl_change"] is None
        if change is not None or diverged:  # else nothing is learnt at the rate itself
            factor = round(one["learning_rate"] / own, 2)
            found[factor] = None if change is None else 1.0 + change
    return RateChange(frontier.source, own, recipe.size, found) if found else None
