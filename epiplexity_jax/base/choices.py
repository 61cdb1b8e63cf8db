"""Words that configs, results and the command line share: variants, floors, procedures."""

from typing import Literal, get_args

PrequentialVariant = Literal["switch", "paired", "online", "exact"]
"""Losses that make the learning curve of a prequential length."""
Reference = Literal["switch", "ema_student", "student"]
"""Student whose messages a requential length pays for."""
Variant = Literal[PrequentialVariant, Reference]
Weights = Literal["ema", "raw"]
"""Weights that code the data: their moving average, or those of the last step."""
Floor = Literal[Weights, "entropy_rate"]
"""Loss that ends the area: held-out, or the source's entropy rate."""
Procedure = Literal["refined", "hull-median", "raw"]
"""Rule that keeps points of a frontier (`analysis.frontier.procedures`)."""

REFERENCES: tuple[Reference, ...] = get_args(Reference)
VARIANTS: tuple[Variant, ...] = (*get_args(PrequentialVariant), *REFERENCES[1:])
FLOORS: tuple[Floor, ...] = (*get_args(Weights), "entropy_rate")
PROCEDURES: tuple[Procedure, ...] = get_args(Procedure)
