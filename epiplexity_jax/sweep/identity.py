"""The identity of a run: plain values that decide its numbers, kept in the store and hashed.

Two runs of equal identity are the same run, whatever their sources are called; `run_id` is the hash
of all of it, `lineage` leaves out what only the end of training asks for, `member` the seed and
the length of training.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epiplexity_jax.base.digest import json_digest

# Raised when the numbers of an unchanged config change, so that old runs are not taken over.
NUMERICS = 4
_ENDS = ("steps", "cost", "exact")  # training is the same without them, up to its end


@dataclass(frozen=True)
class Identity:
    """Plain values by name; see `plan.RunSpec` for what goes in.

    Attributes:
        values: JSON values, `seed` the member's.
    """

    values: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        """The hash of all values."""
        return json_digest(self.values)

    @property
    def lineage(self) -> str:
        """The hash without the number of steps and without what the end is asked for."""
        return self._without(*_ENDS)

    @property
    def member(self) -> str:
        """The hash without the seed and the length of training: equal for seeds of one member."""
        return self._without("seed", "steps", "exact")

    @property
    def text(self) -> str:
        """All values as JSON, for the store."""
        return json.dumps(self.values, sort_keys=True)

    def _without(self, *names: str) -> str:
        return json_digest({k: v for k, v in self.values.items() if k not in names})
