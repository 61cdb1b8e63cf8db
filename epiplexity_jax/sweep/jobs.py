"""What the engine is handed for a wave of runs."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.recorder import History, RecorderState
from epiplexity_jax.sources.spec import Batch
from epiplexity_jax.sweep.pack_waves import Wave
from epiplexity_jax.sweep.plan import Dataset, Plan, max_iterations
from epiplexity_jax.sweep.run_model import method_of, model_of

Resume = Mapping[str, tuple[Any, History | RecorderState]]


@lru_cache(maxsize=8)
def heldout_of(dataset: Dataset) -> Batch:
    """A source's held-out set, drawn once for many waves."""
    return dataset.heldout()


def wave_job(plan: Plan, wave: Wave, start: int, resume: Resume) -> CohortJob:
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
