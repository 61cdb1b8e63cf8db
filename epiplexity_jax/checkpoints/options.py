"""The options of checkpoints."""

from pydantic import Field

from epiplexity_jax.base.config import Config


class CheckpointOptions(Config):
    """Checkpoints of runs in training, from which the same command goes on."""

    minutes: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    """Between two checkpoints of a wave; one more is written on Ctrl-C and SIGTERM."""
    keep: int = Field(default=2, ge=1)
    """Checkpoints of a wave that stay; an older one stands in for one that is damaged."""
