"""The engine's job for a wave."""

from collections.abc import Sequence
from typing import Any

from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.wave import Wave


def cohort_job(runs: Sequence[RunSpec], wave: Wave) -> CohortJob:
    """Make the job of `engine.train_cohort` for the runs of a wave.

    Args:
        runs: of the wave, in its order.
        wave: their layout, and where they go on.
    """
    first, fit = runs[0], wave.fit
    assert fit is not None
    program = first.device_program
    model: Any = program.model
    restored = {i: (found.state, found.record) for i, found in wave.restored.items()}
    return CohortJob(
        program=program._replace(
            model=model.rematerialised() if fit.remat else model,
            microbatch=fit.microbatch,
            shard_state=wave.layout.shard_state,
            scored=fit.scored,
        ),
        batch_size=first.batch_size,
        steps=first.steps,
        layout=first.dataset.layout,
        start=wave.start,
        exact=first.exact,
        max_iterations=first.iterations,
        cost=first.cost,
        members=tuple(
            MemberJob(
                root=run.dataset.root,
                seed=run.seed,
                stream=run.dataset.stream(run.seed, run.batch_size),
                heldout=run.dataset.heldout,
                hyper=run.hyper,
                resume=restored.get(run.run_id),
            )
            for run in runs
        ),
    )
