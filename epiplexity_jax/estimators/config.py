"""Config sections of the estimators."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from epiplexity_jax.base.choices import FloorChoice, PrequentialVariant, Reference, Weights
from epiplexity_jax.base.config import Config

MOST_STEPS = 2**31 - 1  # steps are counted in int32 on devices
EMA_GROWTH = 0.1  # where the config leaves it out and nothing tunes it


class EstimatorConfig(Config):
    """Base of estimators' sections: fields `kind`, `variant` and `floor`, and what may be tuned.

    Attributes:
        TUNABLE: fields that a recipe chooses where they are None, of `sweep.config.Recipe`.
    """

    TUNABLE: ClassVar[tuple[str, ...]] = ()

    kind: str

    def tunable_values(self) -> dict[str, float | None]:
        """The tunable fields by name; None where they are left out."""
        return {name: getattr(self, name) for name in self.TUNABLE}

    def with_values(self, values: Mapping[str, Any]) -> "EstimatorConfig":
        """The section with a recipe's values of its tunable fields."""
        return self.model_copy(update={name: values[name] for name in self.TUNABLE})

    def for_trial(self, steps: int) -> "EstimatorConfig":
        """The section of a trial, which takes no more iterations than so many steps."""
        return self

    @property
    def iteration_limit(self) -> int | None:
        """The most iterations that the section allows; None where each is a step."""
        return None


class Averaged(EstimatorConfig):
    """Window of the moving average of weights: clip(ema_growth t, ema_least, ema_steps) at step t.

    It grows with training, so that early averages are neither held back nor the mean of all.
    """

    TUNABLE: ClassVar[tuple[str, ...]] = ("ema_growth",)

    ema_growth: float | None = Field(default=None, gt=0, le=1)
    """alpha, the window's share of the steps so far; 1 keeps it at ema_steps. Default: tuned, or
    0.1 (Qiu et al. 2026) with `recipe: fixed`."""
    ema_steps: int | None = Field(default=None, ge=1, le=MOST_STEPS)
    """The longest window, steps; default: no limit."""
    ema_least: int = Field(default=1, ge=1, le=MOST_STEPS)
    """The shortest window, steps; never longer than the training so far."""

    @model_validator(mode="after")
    def _window_is_a_range(self) -> "Averaged":
        if self.ema_steps is not None and self.ema_least > self.ema_steps:
            raise ValueError(
                f"ema_least: must be at most ema_steps, {self.ema_steps}, got {self.ema_least}"
            )
        return self

    @property
    def window(self) -> tuple[int, float, int]:
        """The most steps, the growth and the least steps of `engine.optimiser.Window`."""
        return (self.ema_steps or MOST_STEPS, self.ema_growth or EMA_GROWTH, self.ema_least)


class Prequential(Averaged):
    """Prequential coding: the area between the loss curve and the floor (A, Eq. 8)."""

    kind: Literal["prequential"] = "prequential"
    variant: PrequentialVariant | None = None
    """Losses that make the curve: the online training losses (online), of raw weights up to a
    switch and of averaged ones from there on (switch), held-out ones of averaged weights (paired),
    or the online losses above those of the final model on the same data (exact). Default: switch
    for models trained by gradients, online for count families, exact for replayed data."""
    floor: FloorChoice = "ema"
    """Loss that ends the area: held-out, of the EMA or raw weights, or the known entropy rate."""

    @model_validator(mode="after")
    def _exact_ends_at_the_final_model(self) -> "Prequential":
        if self.variant == "exact" and self.floor == "entropy_rate":
            raise ValueError("floor: the exact variant ends at the final model; use ema or raw")
        return self


class Requential(Averaged):
    """Requential coding: the KL of a teacher's samples, from which a student learns (A, Eq. 9)."""

    TUNABLE: ClassVar[tuple[str, ...]] = ("ema_growth", "max_kl")

    kind: Literal["requential"] = "requential"
    reference: Reference = "switch"
    """The student whose KL is paid for and makes the teacher wait: with raw weights up to a switch
    and averaged (EMA) ones from there on, or with one of them throughout. All are recorded."""
    floor: Weights = "ema"
    """Weights of the student that code the data."""
    student_ema_growth: float | None = Field(default=None, gt=0, le=1)
    """ema_growth of the student's average (0.01 in Qiu et al. 2026); default: the teacher's."""
    student_ema_steps: int | None = Field(default=None, ge=1, le=MOST_STEPS)
    """ema_steps of the student's average; default: the teacher's."""
    max_kl: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Nats per label token of the last message above which the teacher waits. Default: tuned, or
    never with `recipe: fixed`."""
    max_iterations: int | None = Field(default=None, ge=1, le=MOST_STEPS)
    """Iterations after which a run ends whose teacher waits too often; default: 4 x
    training.steps."""

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> "Requential":
        if self.max_iterations is not None and self.max_kl is None:
            raise ValueError("max_iterations: without max_kl the teacher never waits; leave it out")
        return self

    def for_trial(self, steps: int) -> "EstimatorConfig":
        """See `EstimatorConfig`: a teacher that waits costs steps."""
        return self if self.max_kl is None else self.model_copy(update={"max_iterations": steps})

    @property
    def iteration_limit(self) -> int | None:
        """See `EstimatorConfig`."""
        return self.max_iterations

    @property
    def student_window(self) -> tuple[int, float, int]:
        """The window of the student's average."""
        steps = self.student_ema_steps or self.ema_steps or MOST_STEPS
        growth = self.student_ema_growth or self.ema_growth or EMA_GROWTH
        return (steps, growth, min(self.ema_least, steps))

    @property
    def variant(self) -> str:
        """The reference, which `--variant` selects."""
        return self.reference
