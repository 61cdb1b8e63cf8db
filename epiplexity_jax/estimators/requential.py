"""One requential iteration: a teacher learns from data, a student from the teacher's samples.

Finzi et al. 2026 (arXiv 2601.03220, "A"), Qiu et al. 2026 (arXiv 2607.11883, "B"). A pure function
of state, batch and key, usable in anybody's jitted program.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Key

from epiplexity_jax.base.choices import REFERENCES, Reference
from epiplexity_jax.base.columns import OwnColumn
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.recorder import Recorder
from epiplexity_jax.engine.state import (
    Flags,
    Hyperparameters,
    MemberState,
    StepStatus,
    empty_step,
    initial_state,
)
from epiplexity_jax.engine.step import (
    Losses,
    Paid,
    apart,
    batch_labels,
    gradient,
    in_slices,
    learn,
    log_likelihood,
    shift,
    sum_and_variance,
    train_step,
)
from epiplexity_jax.estimators.config import Requential
from epiplexity_jax.estimators.requential_recorder import (
    COLUMNS,
    STREAM_COLUMNS,
    RequentialInfo,
    RequentialRecorder,
)
from epiplexity_jax.families.reductions import split_logsumexp
from epiplexity_jax.families.sampling import sample
from epiplexity_jax.families.spec import Cost, Logits, MixedPrecision, Model, Task
from epiplexity_jax.sources.spec import Batch, SourceInfo

_SLICES = 8  # that are sampled at once
_LOGITS = 2**26  # entries that are sampled ahead of training: 256 MiB in float32


class RequentialState(struct.PyTreeNode):
    """A teacher and its student; under a cohort every leaf has a leading axis C.

    Attributes:
        teacher: learns from real data; its EMA weights are sampled from.
        student: learns from the samples; it is what the code sends.
        last_kl: [] float32 nats per label token, KL of the last message against the reference
            student; 0 before the first.
        samples: [2] uint32, data of the member's key for its samples; iteration i uses
            fold_in(key, i).
    """

    teacher: MemberState
    student: MemberState
    last_kl: Any
    samples: Any

    @property
    def step(self) -> Any:
        """The teacher's steps: data and schedules follow it."""
        return self.teacher.step

    @property
    def active(self) -> Any:
        """True while teacher and student are."""
        return self.teacher.active & self.student.active

    @property
    def weights(self) -> tuple[Any, ...]:
        """EMA and raw student, EMA and raw teacher."""
        return *self.student.weights, *self.teacher.weights

    def deactivate(self, where: Flags) -> "RequentialState":
        """See `MemberState.deactivate`."""
        teacher, student = self.teacher.deactivate(where), self.student.deactivate(where)
        return self.replace(teacher=teacher, student=student)


def divergence(
    teacher_BPV: Logits, student_BPV: Logits, platform: str, paid_BP: Paid | None = None
) -> Losses:
    """KL(Q || P) summed over positions: [B] float32 nats (A, Eq. 44).

    Where both are equal it is 0 up to rounding, which may be negative and is not clamped. Symbols
    that the teacher rules out, with logits of -inf, count 0.

    Args:
        teacher_BPV: logits of Q.
        student_BPV: logits of P.
        platform: the platform that the program is compiled for.
        paid_BP: True for the positions that count; None: all.
    """
    log_q_BPV = _log_probabilities(teacher_BPV, platform)
    log_p_BPV = _log_probabilities(student_BPV, platform)
    q_BPV = jnp.exp(log_q_BPV)
    each_BPV = jnp.where(q_BPV == 0, 0, q_BPV * (log_q_BPV - log_p_BPV))
    if paid_BP is None:
        return each_BPV.sum((-2, -1))
    return jnp.where(paid_BP, each_BPV.sum(-1), 0).sum(-1)


def _log_probabilities(logits_BPV: Logits, platform: str) -> Logits:
    most_BP, rest_BP = split_logsumexp(logits_BPV, platform)
    return logits_BPV - most_BP[..., None] - rest_BP[..., None]


def requential_step(
    model: Model,
    state: RequentialState,
    batch: Batch,
    hyper: Hyperparameters,
    reference: Reference = "switch",
    microbatch: int | None = None,
) -> tuple[RequentialState, RequentialInfo]:
    """Teacher step, a batch sampled from the EMA teacher, KL, student step.

    The teacher and its EMA wait where the last message's KL was above `hyper.max_kl`. Labels are
    hard, as soft ones cannot be coded. What is not finite ends the member: teacher and student
    keep their weights and are no longer `active`.

    Args:
        model: the model of teacher and student (static).
        state: before the iteration.
        batch: real data, [B, L] integers or a `Batch` of another sort; a conditional task's inputs
            are kept, and so are tokens that a sequence does not pay for.
        hyper: hyperparameters of teacher and student alike.
        reference: the student whose KL makes the teacher wait: raw (A), EMA (B), or for a code
            that switches between them the better one (static).
        microbatch: sequences per slice of a batch, a divisor of B; None takes the batch whole.

    Returns:
        The state after the iteration, and what it cost.
    """
    size = jax.tree.leaves(batch)[0].shape[0]
    waits = state.last_kl > jnp.asarray(hyper.max_kl)
    teacher, seen = jax.lax.cond(
        waits,
        lambda old: (old, empty_step(size, StepStatus.WAITED)),
        lambda old: train_step(model, old, batch, hyper, microbatch),
        state.teacher,
    )
    key = jax.random.fold_in(jax.random.wrap_key_data(state.samples), state.student.step)
    grads, scored = student_pass(model, (teacher.ema, state.student), batch, key, microbatch)
    losses_B, *divergences = scored[:4]
    counts = model.task.label_counts(batch)
    kl, kl_raw, log_ratio = (sum_and_variance(each, counts) for each in divergences)
    info = RequentialInfo(*kl, *kl_raw, *log_ratio, losses_B.sum(), *seen[:4], *scored[4:])
    gates = {"student": info.kl_raw, "ema_student": info.kl}
    gate = gates.get(reference, jnp.minimum(info.kl, info.kl_raw))
    new = state.replace(
        teacher=teacher,
        student=learn(model, state.student, grads, hyper.of_student),
        last_kl=gate / batch_labels(batch, model.task),
    )
    finite = teacher.active
    for value in (info.kl, info.kl_raw, info.log_ratio, info.student_loss, *jax.tree.leaves(grads)):
        finite &= jnp.isfinite(value).all()
    info = info._replace(status=jnp.where(finite, info.status, jnp.int32(StepStatus.NOT_FINITE)))
    stopped = state.deactivate(jnp.ones((), bool))
    return jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, stopped), info


def sampled_at_once(size: int, microbatch: int | None, task: Task) -> int:
    """Choose the sequences whose caches are filled at once.

    Their logits and noise are held until they are trained on. More than are trained at once fit the
    processor's cache, as no activations are kept for a backward pass, and a token of few sequences
    is all overhead: up to eight slices, the fastest at widths 16 to 128, but at most 2^26 logits.

    Args:
        size: B, sequences of the batch.
        microbatch: sequences trained at once; None: all.
        task: the model's task.
    """
    few = size if microbatch is None else microbatch
    each = few * task.label_tokens * task.vocab_size
    counts = range(1, _SLICES + 1)
    return few * max(n for n in counts if n == 1 or (size // few % n == 0 and n * each <= _LOGITS))


def student_pass(
    model: Model,
    weights: tuple[Any, MemberState],
    batch: Batch,
    key: Key[Array, ""],
    microbatch: int | None,
) -> tuple[Any, tuple[Losses, ...]]:
    """Sample a batch from the teacher's weights and score it, some sequences after the others.

    Samples and lengths are of float32 activations: decoding in bfloat16 rounds otherwise than a
    whole pass does, and the difference would be a KL. Only the gradient is the training's own.

    Args:
        model: the model of teacher and student.
        weights: those that are sampled from, and the student.
        batch: its inputs are kept.
        key: the random key of the samples.
        microbatch: see `requential_step`.

    Returns:
        The gradient of the raw student, its losses, KL of EMA and raw student, log-ratio of the EMA
        student, and both KLs again, to be returned (see `apart`): [B] each.
    """
    teacher, student = weights
    size, task, platform = jax.tree.leaves(batch)[0].shape[0], model.task, model.platform
    labels = batch_labels(batch, task)
    wide: Model = model.in_float32() if isinstance(model, MixedPrecision) else model

    def score(params: Any, part: Any) -> tuple[Losses, tuple[Losses, ...]]:
        sampled, logits = part
        inputs, drawn = shift(sampled, task)
        paid = task.paid(sampled)
        own_BPV = model.logits(params, inputs)
        raw_BPV = own_BPV if wide is model else wide.logits(params, inputs)
        raw_BPV = jax.lax.stop_gradient(raw_BPV)
        ema_BPV = wide.logits(student.ema, inputs)
        losses_B = -log_likelihood(own_BPV, drawn, platform, paid)
        raw_B = divergence(logits, raw_BPV, platform, paid)
        ratio_B = log_likelihood(logits, drawn, platform, paid)
        ratio_B -= log_likelihood(ema_BPV, drawn, platform, paid)
        kl_B = divergence(logits, ema_BPV, platform, paid)
        return losses_B, (losses_B, kl_B, raw_B, ratio_B, apart(kl_B), apart(raw_B))

    def work(part: Any) -> tuple[Any, Any]:
        given, numbers = part
        sampled = sample(wide, teacher, given, key, numbers[0])
        return gradient(score, student.params, sampled, labels, microbatch)

    at_once = sampled_at_once(size, microbatch, task)
    return in_slices(work, student.params, (batch, jnp.arange(size)), at_once)


@dataclass(frozen=True)
class RequentialMethod:
    """Requential training for the engine (see `method.Method`).

    Attributes:
        reference: see `requential_step`.
        num_weight_sets: EMA and raw student, EMA and raw teacher.
        recorder: what collects a run.
    """

    reference: Reference = "switch"
    num_weight_sets: int = 4
    recorder: type[Recorder] = RequentialRecorder

    def init(self, params: Any, samples: Key[Array, ""]) -> RequentialState:
        """Teacher and student alike, so that KL is 0 before the first step."""
        data = jax.random.key_data(samples)
        return RequentialState(initial_state(params), initial_state(params), jnp.float32(0.0), data)

    def update(
        self,
        model: Model,
        state: RequentialState,
        batch: Batch,
        hyper: Hyperparameters,
        microbatch: int | None,
    ) -> tuple[RequentialState, RequentialInfo]:
        """See `requential_step`."""
        return requential_step(model, state, batch, hyper, self.reference, microbatch)

    def empty_info(self, sequences: int) -> RequentialInfo:
        """See `Method`."""
        seen = empty_step(sequences, StepStatus.NOT_RUN)
        zeros = dict.fromkeys(RequentialInfo._fields, seen.loss_sum)
        zeros |= dict.fromkeys(("teacher_losses", "kls", "kls_raw"), seen.losses)
        return RequentialInfo(**zeros | {"status": seen.status, "labels": None})


_ITERATIONS_PER_STEP = 4  # before a run ends whose teacher waits


@dataclass(frozen=True)
class RequentialEstimator:
    """The estimator of a `requential` config section (see `spec.Estimator`)."""

    config: Requential
    state_copies: int = 9  # weights, averages and moments of teacher and student, a gradient
    columns: tuple[OwnColumn, ...] = COLUMNS
    stream_columns: tuple[OwnColumn, ...] = STREAM_COLUMNS

    @property
    def method(self) -> RequentialMethod:
        """Teacher and student, whose reference makes the teacher wait."""
        return RequentialMethod(self.config.reference)

    @property
    def resumable(self) -> bool:
        """False under a cap: members whose teachers waited stand at different steps."""
        return self.config.max_kl is None

    def hyper(self) -> dict[str, Any]:
        """Windows of the averages, and the cap."""
        cap = math.inf if self.config.max_kl is None else self.config.max_kl
        config = self.config
        return {
            "ema": Window(*config.window),
            "student_ema": Window(*config.student_window),
            "max_kl": cap,
        }

    def identity(self, steps: int, counts: bool = False) -> dict[str, Any]:
        """The EMA, fields of a section of one's own, and what decides when the teacher waits."""
        config = self.config
        own = config.model_dump(mode="json", exclude=set(Requential.model_fields))
        own |= {"ema": list(config.window), "student_ema": list(config.student_window)}
        if config.max_kl is None:
            return own
        bound = self.iterations(steps)
        return own | {"max_kl": config.max_kl, "reference": config.reference, "bound": bound}

    def iterations(self, steps: int) -> int:
        """The steps, or the bound of a run whose teacher may wait."""
        if self.config.max_kl is None:
            return steps
        return self.config.max_iterations or _ITERATIONS_PER_STEP * steps

    def variants(self, info: SourceInfo, counts: bool) -> tuple[str, ...]:
        """All references, the config's first."""
        first = self.config.reference
        return first, *(name for name in REFERENCES if name != first)

    def flops_per_token(self, cost: Cost, sampling_passes: int) -> float:
        """FLOPs per token of two training steps, the samples and the scored EMA student."""
        evaluate = (1 + sampling_passes) * cost.eval_flops_per_token
        return 2 * cost.train_flops_per_token + evaluate

    def check(self, family: str, counts: bool, sources: Mapping[str, SourceInfo]) -> None:
        """See `Estimator.check`; a student is coded whatever its teacher has read."""
        if counts:
            raise ConfigError(
                f"estimator.kind: family {family} counts and does not sample, so it has no "
                "requential code; use prequential"
            )
