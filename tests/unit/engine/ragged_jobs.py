"""Cohorts of small transformers on rows of different length."""

import dataclasses

import jax
import numpy as np

from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.programs import ProgramKey
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.engine.stream import Stream, heldout_tokens
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.estimators.requential import RequentialMethod
from epiplexity_jax.families.networks.transformer import TransformerModel
from epiplexity_jax.families.spec import Task
from epiplexity_jax.sources.batches import masked
from epiplexity_jax.sources.files.tokens import from_array
from epiplexity_jax.sources.spec import FiniteSource
from epiplexity_jax.sources.split import Split

LENGTH, VOCAB, BATCH, STEPS, ROWS = 12, 6, 8, 24, 400
METHODS = {"prequential": PrequentialMethod(), "requential": RequentialMethod()}


def rows_and_mask(seed=0, least=0):
    """Cycles of random phase whose labels are a random stretch; some rows have none."""
    drawn = np.random.default_rng(seed)
    rows = (np.arange(LENGTH) + drawn.integers(0, VOCAB, (ROWS, 1))) % VOCAB
    ends = drawn.integers(least, LENGTH + 1, (ROWS, 1))
    begins = drawn.integers(0, 4, (ROWS, 1))
    places = np.arange(LENGTH)
    return rows, (places < ends) & (places >= begins)


def ragged_source(seed=0):
    rows, mask = rows_and_mask(seed)
    return from_array(rows, mask=mask, vocab_size=VOCAB)


def forced(source):
    """A source of one label mask, whose batches carry it all the same."""
    info = dataclasses.replace(source.info, label_shares=source.info.label_mask.astype(float))
    return FiniteSource(info, source.sequences, lambda rows: masked(source.read(rows), source.info))


def job_of(source, kind="prequential", steps=STEPS, microbatch=None, max_kl=np.inf, seeds=(0, 1)):
    model = TransformerModel(16, 1, Task.of(source.info))
    layout = heldout_layout(40, BATCH)
    split = Split(source, layout.sequences, 7)
    drawn = heldout_tokens(source, split, 7, layout.sequences)
    heldout = jax.tree.map(
        lambda x: x.reshape(layout.eval_batches, layout.eval_batch_size, -1), drawn
    )
    members = tuple(
        MemberJob(
            root=7,
            seed=seed,
            stream=Stream(source, split, 7, seed, BATCH),
            heldout=heldout,
            hyper=Hyperparameters(0.03, 5, Window(20, 1.0), max_kl=max_kl),
        )
        for seed in seeds
    )
    program = ProgramKey(model, METHODS[kind], microbatch)
    return CohortJob(
        program, BATCH, steps, layout, members, exact=kind == "prequential",
        max_iterations=4 * steps,
    )  # fmt: skip
