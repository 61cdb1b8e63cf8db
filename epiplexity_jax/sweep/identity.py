"""The identity of a run: plain values that decide its numbers, kept in the store and hashed.

Two runs of equal identity are the same run, whatever their sources are called.
"""

import json
from collections.abc import Mapping
from typing import Any

from epiplexity_jax.base.digest import json_digest

# Raised when the numbers of an unchanged config change, so that old runs are not taken over.
NUMERICS = 5


def identity_columns(values: Mapping[str, Any]) -> dict[str, str]:
    """Columns of the store that name a run.

    `run_id` is the hash of all values, which `identity` holds as JSON. `lineage` leaves out the
    number of steps and what the end is asked for: training is the same without them, up to its
    end. `member` leaves out the seed and the length of training: seeds of one member share it.
    """

    def without(*names: str) -> str:
        return json_digest({k: v for k, v in values.items() if k not in names})

    return {
        "run_id": json_digest(values),
        "lineage": without("steps", "cost", "exact"),
        "member": without("seed", "steps", "exact"),
        "identity": json.dumps(values, sort_keys=True),
    }
