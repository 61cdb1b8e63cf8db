"""Tasks: what a source's facts make of them, and the inputs that a model reads."""

import numpy as np
import pytest

from epiplexity_jax.families.networks.base import NetworkFamily
from epiplexity_jax.families.networks.transformer import Transformer, TransformerModel
from epiplexity_jax.families.spec import task_for
from epiplexity_jax.families.task import Task
from epiplexity_jax.sources.spec import SourceInfo, WithReals


def _info(mask, **facts):
    return SourceInfo(
        vocab_size=3, length=len(mask), label_mask=np.array(mask), fingerprint="x", **facts
    )


class _WithoutBos(NetworkFamily):
    start_token = False


@pytest.mark.parametrize("first", [False, True])
def test_positions_of_reals_count_a_bos_token(first):
    mask = [first, False, False, True]
    info = _info(mask, real_positions=(1, 2), real_width=5)
    task = Task.of(info)
    assert task.has_bos == first
    assert task.real_inputs == ((2, 3) if first else (1, 2))
    like = task.inputs_like(7)
    assert isinstance(like, WithReals)
    assert like.tokens.shape == (7, 3 + first)
    assert like.reals.shape == (7, 2, 5)
    blank = task.blank_inputs()
    assert blank.tokens.dtype == np.int32
    assert blank.reals.dtype == np.float32
    without = task_for(_WithoutBos(Transformer(), TransformerModel), info)
    assert without.real_inputs == (1, 2)


def test_a_task_without_reals_is_what_it_was():
    task = Task.of(_info([False, True]))
    assert task == Task(3, 2, (False, True))
    assert hash(task) == hash(Task(3, 2, (False, True)))
    assert task.real_inputs == ()
    assert task.inputs_like(2).shape == (2, 1)


def test_counts_of_tokens_do_not_see_reals():
    """A token with a vector is one token: what a step costs follows from the tokens."""
    mask = [False, False, True, True]
    plain, task = (
        Task.of(_info(mask, **facts)) for facts in ({}, {"real_positions": (0,), "real_width": 2})
    )
    assert task != plain
    assert task.total_tokens == plain.total_tokens == 4
    assert task.target_positions == plain.target_positions == (1, 2)
