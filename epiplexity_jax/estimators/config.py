"""Config sections of the estimators."""

from typing import Literal

from pydantic import Field, model_validator

from epiplexity_jax.base.choices import Floor, PrequentialVariant, Reference, Weights
from epiplexity_jax.base.config import Config

MOST_STEPS = 2**31 - 1  # steps are counted in int32 on devices


class Prequential(Config):
    """Prequential coding: the area between the loss curve and the floor (A, Eq. 8)."""

    kind: Literal["prequential"] = "prequential"
    variant: PrequentialVariant | None = None
    """Which losses make the curve: paired held-out ones, the online training losses, or (exact)
    the online losses above those of the final model on the same training data. Default: paired for
    models trained by gradients, online for count families, exact for replayed data."""
    floor: Floor = "ema"
    """Which loss ends the area: held-out, of the EMA or raw weights, or the known entropy rate."""
    ema_steps: int = Field(default=50, ge=1, le=MOST_STEPS)
    """Window of the EMA of weights, steps."""

    @model_validator(mode="after")
    def _exact_ends_at_the_final_model(self) -> "Prequential":
        if self.variant == "exact" and self.floor == "entropy_rate":
            raise ValueError("floor: the exact variant ends at the final model; use ema or raw")
        return self


class Requential(Config):
    """Requential coding: the KL of a teacher's samples, from which a student learns (A, Eq. 9)."""

    kind: Literal["requential"] = "requential"
    reference: Reference = "ema_student"
    """The student whose KL is paid for and makes the teacher wait: with averaged (EMA) weights, or
    raw ones, which pay for their own jitter. Both are recorded."""
    floor: Weights = "ema"
    """Which weights of the student code the data."""
    ema_steps: int = Field(default=50, ge=1, le=MOST_STEPS)
    """Window of the EMA of teacher and student, steps."""
    ema_growth: float | None = Field(default=None, ge=0, le=1)
    """alpha: the window is max(ema_steps, alpha x steps so far); 0.1 in Qiu et al. 2026. Default:
    a constant window."""
    max_kl: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Nats per label token of the last message above which the teacher waits; default: never."""
    max_iterations: int | None = Field(default=None, ge=1, le=MOST_STEPS)
    """Where a run ends whose teacher waits too often; default: 4 x training.steps."""

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> "Requential":
        if self.max_iterations is not None and self.max_kl is None:
            raise ValueError("max_iterations: without max_kl the teacher never waits; leave it out")
        return self

    @property
    def variant(self) -> str:
        """The reference, which `--variant` selects."""
        return self.reference
