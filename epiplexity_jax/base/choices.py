"""Words that configs share with what reads their runs: variants and floors of the built-in codes.

Codes by variant: `analysis.runs.variants`; procedures: `analysis.frontier.procedures`.
"""

from typing import Literal, get_args

PrequentialVariant = Literal["switch", "paired", "online", "exact"]
"""Losses that make the learning curve of a prequential length."""
Reference = Literal["switch", "ema_student", "student"]
"""Student whose messages a requential length pays for."""
Weights = Literal["ema", "raw"]
"""Weights that code the data: their moving average, or those of the last step."""
FloorChoice = Literal[Weights, "entropy_rate"]
"""Loss that ends the area: held-out, or the source's entropy rate."""

REFERENCES: tuple[Reference, ...] = get_args(Reference)
FLOORS: tuple[FloorChoice, ...] = (*get_args(Weights), "entropy_rate")
"""Losses that may end an area, by the name that `--floor`, configs and stores have."""
