"""Sources whose sequences are drawn from a key inside the compiled program."""

from dataclasses import dataclass
from typing import Any

from epiplexity_jax.sources.spec import SourceInfo


@dataclass(frozen=True, eq=False)
class Synthetic:
    """An opened synthetic source (see `spec.DeviceSource`)."""

    info: SourceInfo
    sampler: Any
    parameters: Any = ()
