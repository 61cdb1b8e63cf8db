"""Options of a transfer: which parameters learn, for how long, and how they are scored."""

from typing import Literal

from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.keys import Seed
from epiplexity_jax.estimators.config import MOST_STEPS

Trained = Literal["all", "last_blocks", "readout"]
Readout = Literal["auto", "new", "keep"]


class TransferOptions(Config):
    """Training of a member on the target; the defaults are the published recipe.

    Finzi et al. 2026 (arXiv 2601.03220), Fig. 7.
    """

    train: Trained = "all"
    """Parameters that learn: all of them, the last blocks with what is behind them, or the readout
    alone, a linear probe."""
    blocks: int | None = Field(default=None, ge=1)
    """Blocks that learn with `train: last_blocks`; default: 1."""
    readout: Readout = "auto"
    """`new`: the readout begins at zero. `keep`: it begins as it was learnt. `auto`: it is kept
    where the target has as many label symbols as the members were trained on."""
    steps: int = Field(default=1500, ge=0, le=MOST_STEPS)
    """Steps on the target; 0 scores members as they are, with the readout that they have learnt."""
    batch_size: int = Field(default=32, ge=1, le=1 << 24)
    """Sequences a step."""
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Base learning rate after warm-up; it then falls linearly to 0. Default: the rate that the
    member was trained with."""
    warmup: float = Field(default=0.1, ge=0, le=1)
    """Share of the steps with linear warm-up."""
    seed: Seed = 0
    """Seed of the target's split and order, the same for all members."""
    heldout_tokens: int = Field(default=4096, ge=1)
    """Label tokens that score a member at its end; at most a tenth of a finite source."""

    @model_validator(mode="after")
    def _blocks_are_asked_for(self) -> "TransferOptions":
        if self.blocks is not None and self.train != "last_blocks":
            raise ValueError(f"blocks: goes with train: last_blocks, not with {self.train}")
        return self

    @model_validator(mode="after")
    def _something_learns(self) -> "TransferOptions":
        if self.steps == 0 and self.train != "all":
            raise ValueError(f"train: nothing learns in 0 steps; leave {self.train} out")
        if self.steps == 0 and self.readout == "new":
            raise ValueError("readout: a new one learns nothing in 0 steps; leave it out")
        return self

    @property
    def warmup_steps(self) -> int:
        """Steps of linear warm-up."""
        return round(self.warmup * self.steps)
