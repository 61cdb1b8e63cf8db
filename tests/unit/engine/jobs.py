"""Cohorts of small transformers on cycles, and their slow twins."""

import functools

import jax
import jax.monitoring
import numpy as np

from epiplexity_jax.base.keys import key
from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.programs import (
    ProgramKey,
    compile_programs,
)
from epiplexity_jax.engine.sharding import CohortSharding, member_mesh
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.engine.stream import Stream, heldout_tokens
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.families.networks.transformer import TransformerModel
from tests.unit.engine import reference
from tests.unit.engine.toys import cycle, task_of

PREQUENTIAL = PrequentialMethod()

BATCH, STEPS, RATE, WARMUP, WINDOW, ROOT = 8, 50, 0.03, 10, 20, 7
LABELS_OF = {"all": None, "second half": [False] * 8 + [True] * 8}


def model_of(source):
    """Two chunks where some labels are not paid for: only the last one leaves them out."""
    task = task_of(source)
    return TransformerModel(16, 1 if all(task.label_mask) else 2, task)


def job_of(
    source, seeds, steps=STEPS, rates=None, microbatch=None, resume=None, start=0, layout=None
):
    model = model_of(source)
    layout = layout or heldout_layout(128, BATCH)
    heldout = heldout_tokens(source, None, ROOT, layout.sequences)
    heldout = heldout.reshape(layout.eval_batches, layout.eval_batch_size, -1)
    members = tuple(
        MemberJob(
            root=ROOT,
            seed=seed,
            stream=Stream(source, None, ROOT, seed, BATCH),
            heldout=heldout,
            hyper=Hyperparameters((rates or {}).get(seed, RATE), WARMUP, Window(WINDOW, 1.0)),
            resume=resume[seed] if resume else None,
        )
        for seed in seeds
    )
    program = ProgramKey(model, PREQUENTIAL, microbatch)
    return CohortJob(program, BATCH, steps, layout, members, start)


def mesh_of(devices):
    return member_mesh(jax.devices()[:devices])


@functools.cache
def twin(labels):
    """A source and its reference losses for four seeds."""
    source = cycle(mask=LABELS_OF[labels])
    model = model_of(source)
    runs = {
        seed: reference.train(
            model, source, root=ROOT, seed=seed, steps=STEPS, batch_size=BATCH, rate=RATE,
            warmup=WARMUP, window=WINDOW,
        )
        for seed in range(4)
    }  # fmt: skip
    return source, model, runs


def advance_all(job, mesh, bounds):
    """Per-step loss sums [C, STEPS] from a chunk advanced in the given spans."""
    programs = compile_programs(job.program, mesh)
    put = CohortSharding(mesh)
    keys = [
        np.stack([np.asarray(jax.random.key_data(key(m.root, of, m.seed))) for m in job.members])
        for of in ("init", "samples")
    ]
    states = programs.init(*map(put, (*keys, np.zeros(len(job.members), bool))))
    count = len(job.members)
    hyper = put(
        Hyperparameters(
            np.full(count, RATE, np.float32),
            np.full(count, WARMUP, np.int32),
            Window(
                np.full(count, WINDOW, np.int32),
                np.ones(count, np.float32),
                np.ones(count, np.int32),
            ),
            max_kl=np.full(count, np.inf, np.float32),
        )
    )
    chunk = put(
        np.stack([np.asarray(m.stream.chunk(0, STEPS, job.chunk_steps)) for m in job.members])
    )
    sums = np.full((count, STEPS), np.nan)
    variances = sums.copy()
    for start, stop in bounds:
        length, first = stop - start, put(np.zeros(count, np.int32))
        states, info = programs.advance(
            states, hyper, chunk, first, np.int32(length), np.int32(STEPS)
        )
        sums[:, start:stop] = np.asarray(info.loss_sum)[:, :length]
        variances[:, start:stop] = np.asarray(info.loss_var)[:, :length]
    return sums, variances, jax.device_get(states)
