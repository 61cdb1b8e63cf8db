"""What the engine is handed for a wave of runs."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jax

from epiplexity_jax.families.spec import DeviceFamily
from epiplexity_jax.sources.spec import Batch
from epiplexity_jax.sweep.config import Requential, Sweep
from epiplexity_jax.sweep.plan import Dataset, Plan, Run, max_iterations
from epiplexity_jax.training.job import CohortJob, MemberJob
from epiplexity_jax.training.loop import PREQUENTIAL, init_member
from epiplexity_jax.training.method import Method
from epiplexity_jax.training.record import History, Saved
from epiplexity_jax.training.requential import RequentialMethod

if TYPE_CHECKING:
    from epiplexity_jax.sweep.packing import Wave

Resume = Mapping[str, tuple[Any, History | Saved]]


@lru_cache(maxsize=8)
def heldout_of(dataset: Dataset) -> Batch:
    """A source's held-out set, drawn once for many waves."""
    return dataset.heldout()


def model_of(plan: Plan, run: Run) -> Any:
    """The model of a run of a device family."""
    family = plan.family
    assert isinstance(family, DeviceFamily)
    return family.model(run.size, run.dataset.task, plan.compute_dtype)


def method_of(sweep: Sweep) -> Method:
    """How a sweep's members train."""
    if isinstance(sweep.estimator, Requential):
        return RequentialMethod(raw_reference=sweep.estimator.reference == "student")
    return PREQUENTIAL


def state_like(plan: Plan, run: Run) -> Any:
    """Shapes and types of a run's state."""
    model, method = model_of(plan, run), method_of(plan.sweep)
    return jax.eval_shape(lambda k: init_member(model, k, method, k), jax.random.key(0))


def wave_job(plan: Plan, wave: "Wave", start: int, resume: Resume) -> CohortJob:
    """A wave as a job for `train_cohort`.

    Args:
        plan: the validated sweep.
        wave: runs of a device family.
        start: steps that every run has behind it.
        resume: states and records at `start`, by run id.
    """
    sweep, first = plan.sweep, wave.runs[0]
    training, estimator = sweep.training, sweep.estimator
    fit, model = wave.fit, model_of(plan, first)
    assert fit is not None
    growth, cap = (getattr(estimator, name, None) for name in ("ema_growth", "max_kl"))
    return CohortJob(
        model=model.rematerialised() if fit.rematerialises else model,
        task=first.dataset.task,
        batch_size=training.batch_size,
        steps=first.steps,
        layout=first.dataset.layout,
        start=start,
        microbatch=fit.microbatch,
        exact=first.exact,
        method=method_of(sweep),
        spreads=wave.spreads,
        scored=fit.scored,
        max_iterations=max_iterations(sweep),
        members=tuple(
            MemberJob(
                root=sweep.seed,
                seed=run.seed,
                stream=run.dataset.stream(run.seed, training.batch_size),
                heldout=heldout_of(run.dataset),
                learning_rate=run.learning_rate or training.learning_rate,
                warmup_steps=training.warmup_steps,
                ema_steps=estimator.ema_steps,
                ema_growth=growth or 0.0,
                max_kl=math.inf if cap is None else cap,
                resume=resume.get(run.run_id),
            )
            for run in wave.runs
        ),
    )
