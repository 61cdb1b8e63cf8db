"""One run as a curve over its record points.

A curve comes from a stored run or from plain arrays. Axis letters: R record point, B held-out
block. Losses are nats per label token.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Shaped

from epiplexity_jax import coding
from epiplexity_jax.analysis.runs.heldout import HeldoutLosses, paired_columns
from epiplexity_jax.analysis.shapes import AnyColumn, AnyRows, Rows, Values
from epiplexity_jax.base.choices import FLOORS
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import RunStatus


@dataclass(frozen=True)
class StepCost:
    """Tokens and FLOPs of one step and of one evaluated token.

    Attributes:
        label_tokens_per_step: target positions of a step; about their mean where labels vary.
        train_tokens_per_step: input and label tokens of a step.
        tokens_per_label: (input + label tokens) / label tokens.
        train_flops_per_token, eval_flops_per_token: FLOPs for one token.
    """

    label_tokens_per_step: int
    train_tokens_per_step: int
    tokens_per_label: float
    train_flops_per_token: float
    eval_flops_per_token: float

    def __post_init__(self) -> None:
        """Refuse costs that are not positive."""
        for name, value in vars(self).items():
            if not (value > 0 and math.isfinite(value)):
                raise ConfigError(f"{name}: must be a positive number, got {value!r}")

    @classmethod
    def dense(
        cls, params: int, label_tokens_per_step: int, inputs_per_label: float = 0.0
    ) -> "StepCost":
        """The cost of a dense network, 6N a trained token and 2N an evaluated one.

        Args:
            params: N, all parameters.
            label_tokens_per_step: label tokens of a batch.
            inputs_per_label: input tokens that come with each label token.

        >>> StepCost.dense(1000, 64).train_flops_per_token
        6000.0
        """
        train, evaluate = coding.dense_flops(params)
        ratio = 1.0 + inputs_per_label
        tokens = round(label_tokens_per_step * ratio)
        return cls(label_tokens_per_step, tokens, ratio, float(train), float(evaluate))


@dataclass(frozen=True, eq=False)
class Online:
    """Losses of the training tokens, each scored before the model trains on it.

    Attributes:
        sum_nats: [R] sum over all label tokens so far, nats; 0 at step 0.
        sum_var: [R] variance of that sum, nats^2; zeros when not given.
    """

    sum_nats: Values
    sum_var: AnyColumn = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        """Turn the fields into float64 arrays of one shape."""
        paired_columns(self, "sum_nats", "sum_var")


@dataclass(frozen=True)
class Exact:
    """Losses of all training tokens, scored again by the final model.

    Attributes:
        sum_nats: sum by the EMA weights (or the one model), nats; raw_sum_nats: by raw weights.
        sum_var: variance of `sum_nats` from the spread between sequences, nats^2.
    """

    sum_nats: float
    raw_sum_nats: float
    sum_var: float = 0.0


@dataclass(frozen=True, eq=False)
class Messages:
    """Costs of a requential student's messages, up to each record point.

    Attributes:
        kl_nats: [R] sum of KL(teacher || EMA student); kl_var: [R] its variance, nats^2.
        raw_kl_nats: [R] the same against the raw student; raw_kl_var: [R].
        certified_bits: [R] certified length, EMA student; raw_certified_bits: [R].
    """

    kl_nats: Values
    kl_var: Values
    raw_kl_nats: Values
    raw_kl_var: Values
    certified_bits: Values
    raw_certified_bits: Values


_NEEDED = (
    ({"online", "exact"}, "online", "the sums of the training losses (online=...)"),
    ({"ema_student", "student"}, "messages", "the sums of KL (messages=...)"),
    ({"exact"}, "exact", "the final model's losses (exact=...)"),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Curve:
    """One run: its description, the cost of a step, and the recorded losses.

    Attributes:
        source: name of the source.
        size: name of the model's size within its family ("w64-d2", "order 3").
        params: N, all parameters.
        vocab_size: V, the number of symbols of a label token.
        steps: [R] steps done at each record point; the first is 0, the untrained model.
        cost: tokens and FLOPs per step.
        labels: [R] label tokens trained on so far, where steps differ in them; None: as many in
            each step as `cost` says.
        ema: held-out losses of the EMA weights (of the one model where there is no average).
        raw: held-out losses of the raw weights, or None.
        online: sums of the training losses, or None.
        exact: losses of the training tokens under the final model, or None.
        messages: what a requential student cost, or None.
        teacher: the curve of the teacher of a requential student, or None.
        fresh: True where the training stream and the held-out set are exchangeable samples of one
            source, and no sequence is read twice.
        replays: how often training may read a sequence; above 1 only the exact variant is right.
        entropy_rate_nats: known entropy rate, nats per label token, or None.
        rate_is_unbounded: True if only unlimited compute comes near that rate: it is no floor.
        bytes_per_token: bytes of original data per label token, or None.
        variants: the variants that this history allows.
        status: how the run ended; message: why.
        recipes: number of recipes that the run's own was chosen from, on other runs.
        member_id: hash of what decides the run's numbers but the seed, or None.
    """

    source: str
    size: str
    params: int
    vocab_size: int
    steps: Shaped[np.ndarray, " points"]
    cost: StepCost
    ema: HeldoutLosses
    labels: Values | None = None
    raw: HeldoutLosses | None = None
    online: Online | None = None
    exact: Exact | None = None
    messages: Messages | None = None
    teacher: "Curve | None" = None
    fresh: bool = False
    replays: int = 1
    recipes: int = 1
    seed: int = 0
    width: int | None = None
    depth: int | None = None
    order: int | None = None
    family: str = ""
    learning_rate: float | None = None
    batch_size: int | None = None
    estimator: str = "prequential"
    variant: str = "paired"
    variants: tuple[str, ...] = ("paired",)
    floor: str = "ema"
    entropy_rate_nats: float | None = None
    rate_is_unbounded: bool = False
    bytes_per_token: float | None = None
    status: str = RunStatus.FINISHED
    message: str = ""
    run_id: str = ""
    member_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse curves that cannot be scored, saying what is wrong."""
        steps = np.asarray(self.steps)
        if steps.ndim != 1 or steps.size == 0 or not np.all(steps == np.floor(steps)):
            raise ConfigError("steps: must be whole numbers, one a record point")
        if steps[0] != 0 or np.any(np.diff(steps) <= 0):
            raise ConfigError(f"steps: must begin at 0 and rise, got {steps[:4].tolist()}...")
        object.__setattr__(self, "steps", steps.astype(np.int64))
        if self.params <= 0 or self.vocab_size < 2:
            raise ConfigError(
                f"params and vocab_size: must be positive and at least 2, got {self.params!r} and "
                f"{self.vocab_size!r}"
            )
        self._check_columns()

    def _check_columns(self) -> None:
        columns = {
            "labels": self.labels,
            "ema": self.ema.loss_nats,
            "raw": self.raw and self.raw.loss_nats,
            "online": self.online and self.online.sum_nats,
            "messages": self.messages and self.messages.kl_nats,
        }
        for name, values in columns.items():
            if values is None:
                continue
            if values.shape != self.steps.shape:
                raise ConfigError(
                    f"{name}: {values.size} values for {self.steps.size} record points"
                )
            if self.status != RunStatus.DIVERGED and not np.all(np.isfinite(values)):
                raise ConfigError(f"{name}: a loss of {self.name} is not finite")
        for names, part, needs in _NEEDED:
            coded = sorted(names & set(self.variants))
            exact_ended = part != "exact" or self.status != RunStatus.DIVERGED
            if coded and exact_ended and getattr(self, part) is None:
                raise ConfigError(f"variants: {coded[0]} needs {needs}")
        if "switch" in self.variants and (self.raw is None or not (self.online or self.messages)):
            raise ConfigError(
                "variants: switch needs the raw weights' held-out losses (raw=...) and the sums "
                "of the training losses (online=...) or of KL (messages=...)"
            )

    @property
    def name(self) -> str:
        """Name of this run in messages."""
        return f"{self.source} {self.size} seed {self.seed}"

    @property
    def member(self) -> tuple[Any, ...]:
        """All that distinguishes members, so everything but the seed.

        The hash of the run's identity stands for the settings that no field holds (EMA, warm-up,
        cap, dtype); stores of before schema 2 have none.
        """
        return (
            *(self.source, self.family, self.size, self.width, self.depth, self.order),
            *(self.params, self.learning_rate, self.batch_size, self.estimator, self.cost),
            self.member_id,
        )

    @property
    def label_tokens(self) -> Values:
        """[R] label tokens trained on so far."""
        return self.label_steps * self.cost.label_tokens_per_step

    @property
    def label_steps(self) -> Values:
        """[R] the same in steps of `cost.label_tokens_per_step`: the steps, unless labels vary."""
        if self.labels is None:
            return self.steps.astype(np.float64)
        return np.asarray(self.labels, np.float64) / self.cost.label_tokens_per_step

    def sum_over_steps(self, values: AnyRows) -> AnyRows:
        """Sum a curve [..., R] over all steps before each record point, interpolated between them.

        Where labels vary, each step weighs as many `label_steps` as it has; those of the steps
        between two record points are taken as equal, as their order is random.
        """
        sums = np.asarray(coding.interpolate_sum(self.steps, values))
        if self.labels is None:
            return sums
        weight = np.diff(self.label_steps) / np.diff(self.steps)
        start = np.zeros((*sums.shape[:-1], 1))
        return np.concatenate([start, np.cumsum(np.diff(sums) * weight, axis=-1)], axis=-1)

    @cached_property
    def step_weights(self) -> Rows:
        """[R, R] weights of record points in the sums of a curve over the steps before each.

        Column r adds up to `label_steps[r]`. They carry errors of record points to the sum;
        `sum_over_steps` bends its interpolation further where a curve does.
        """
        left, right = coding.segment_weights(self.steps)
        share = np.diff(self.label_steps) / np.diff(self.steps)
        weights = np.zeros((self.steps.size, self.steps.size))
        for i, (a, b) in enumerate(zip(left * share, right * share, strict=True)):
            weights[i, i + 1 :] += a
            weights[i + 1, i + 1 :] += b
        return weights

    @property
    def train_tokens(self) -> Values:
        """[R] input and label tokens trained on so far."""
        return self.steps.astype(np.float64) * self.cost.train_tokens_per_step

    @property
    def has_one_model(self) -> bool:
        """True if raw and averaged weights are one model, as those of counts are."""
        return self.raw is None or np.array_equal(self.raw.loss_nats, self.ema.loss_nats)

    def floors(self) -> tuple[str, ...]:
        """The floors that this curve can be scored with."""
        no_rate = self.entropy_rate_nats is None or self.rate_is_unbounded
        missing = {"raw": self.raw is None, "entropy_rate": no_rate}
        return tuple(name for name in FLOORS if not missing.get(name))
