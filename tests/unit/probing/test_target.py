"""Targets: their two parts, the task of a member on them, and the start token."""

import dataclasses

import numpy as np
import pytest

from epiplexity_jax import sources
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.families.spec import Task
from epiplexity_jax.probing.options import TransferOptions
from epiplexity_jax.probing.target import open_target, overlaps, target_task, with_start
from epiplexity_jax.sources.python.opened import opened
from epiplexity_jax.sources.spec import MaskedTokens, Vectors
from tests.unit.probing.made import make_member, next_cell

TEXT = Task(5, 8, (True,) * 8)  # with a start token, the id 5
LABELLED = Task(2, 7, (False,) * 6 + (True,), input_vocab_size=3)


def facts(**changes):
    return dataclasses.replace(next_cell(100).info, **changes)


def test_a_finite_target_is_cut_in_two():
    target = open_target(next_cell(1000), TransferOptions(steps=3, heldout_tokens=64))
    assert target.layout.sequences == 64
    assert target.heldout.shape == (1, 64, 7)
    assert target.split is not None
    assert target.split.train_sequences == 936
    assert target.stream(32).chunk(0, 3, 3).shape == (3, 32, 7)


def test_a_drawn_target_is_drawn_by_its_seed():
    config = sources.Noise(vocab_size=2, length=4)
    one, same, other = (
        open_target(config, TransferOptions(steps=2, heldout_tokens=300, seed=seed))
        for seed in (0, 0, 1)
    )
    assert one.split is None
    assert one.layout.sequences >= 64
    assert np.array_equal(one.heldout, same.heldout)
    assert not np.array_equal(one.heldout, other.heldout)


def test_a_target_that_does_not_last_is_refused():
    with pytest.raises(DataError, match="last for 29 steps of 32, and steps is 100; lower steps"):
        open_target(next_cell(1000), TransferOptions(steps=100))
    again = sources.Replay(source=opened(next_cell(1000)), times=4)
    assert open_target(again, TransferOptions(steps=100)).info.replays == 4


def test_faults_of_the_source_name_the_target():
    with pytest.raises(DataError, match=r"^target: .*nowhere"):
        open_target(sources.Labelled(path="nowhere.npz"), TransferOptions())


@pytest.mark.parametrize("finite", [False, True])
def test_a_target_with_real_numbers_is_refused(finite):
    rows = sources.MarkovRows(vocab_size=3, length=5)
    given = sources.Subsample(source=rows, sequences=2000) if finite else rows
    with pytest.raises(ConfigError) as caught:
        open_target(given, TransferOptions(steps=1))
    assert str(caught.value) == (
        "target: gives vectors of real numbers at 3 positions, which transfer does not know; use a "
        "source of tokens"
    )


def member_of(source, name):
    member = make_member(next_cell(100).info)
    row = {**member.row, "source": name}
    return dataclasses.replace(member, row=row, origins=source.info.origins)


def test_members_that_read_data_of_the_target_are_named():
    """Two views of one array share its data, and two draws of rings do not."""
    tokens = np.random.default_rng(3).integers(0, 5, 4000)
    whole, pairs = (sources.from_array(tokens, length=length) for length in (8, 2))
    members = [member_of(whole, "text"), member_of(next_cell(seed=5), "rings")]
    members.append(member_of(whole, "text"))
    options = TransferOptions(steps=1, heldout_tokens=64)
    (note,) = overlaps(open_target(pairs, options), members)
    assert note == (
        "text: holds data of the target, so held-out sequences may have been read in training, and "
        "the losses and gains of its members are too good"
    )
    assert overlaps(open_target(next_cell(), options), members) == []
    assert overlaps(open_target(sources.Noise(vocab_size=2, length=4), options), members) == []


def test_the_start_token_of_the_training_precedes_the_target():
    task, start = target_task(TEXT, facts(input_vocab_size=5))
    assert start == 5
    assert task.num_input_ids == TEXT.num_input_ids
    assert (task.has_bos, task.length, task.vocab_size) == (False, 8, 2)
    assert task.target_positions == (6,)
    batch = np.arange(14, dtype=np.uint8).reshape(2, 7)
    assert np.array_equal(with_start(batch, 5)[:, 0], [5, 5])
    assert np.array_equal(with_start(batch, 5)[:, 1:], batch)


def test_without_a_start_token_nothing_precedes():
    task, start = target_task(LABELLED, facts(input_vocab_size=2))
    assert start is None
    assert (task.num_input_ids, task.input_length) == (3, 6)
    batch = np.zeros((2, 7), np.uint8)
    assert with_start(batch, None) is batch


def test_a_start_token_beyond_the_type_of_the_tokens():
    wide = with_start(np.full((1, 2), 255, np.uint8), 256)
    assert wide.tolist() == [[256, 255, 255]]


def test_nobody_pays_for_the_start_token():
    masked = MaskedTokens(np.ones((2, 3), np.uint8), np.ones((2, 3), bool))
    found = with_start(masked, 4)
    assert found.tokens[:, 0].tolist() == [4, 4]
    assert found.mask[:, 0].tolist() == [False, False]
    vary = facts(input_vocab_size=5, label_shares=np.full(7, 0.5))
    assert target_task(TEXT, vary)[0].labels_vary


def test_vectors_stay_vectors():
    vectors = facts(features=4, length=2, label_mask=np.array([False, True]), input_vocab_size=None)
    learnt = Task(3, 2, (False, True), features=4)
    task, start = target_task(learnt, vectors)
    assert (task.features, task.vocab_size, start) == (4, 2, None)
    batch = Vectors(np.zeros((2, 4)), np.zeros((2, 1)))
    assert with_start(batch, 7) is batch


@pytest.mark.parametrize(
    ("learnt", "changes", "message"),
    [
        (TEXT, {"input_vocab_size": 6}, "its inputs have 6 symbols and the members .* on 5;"),
        (LABELLED, {"input_vocab_size": None, "vocab_size": 4}, "its inputs have 4 symbols"),
        (LABELLED, {"label_mask": np.ones(7, bool)}, "its first token is a label"),
        (TEXT, {"features": 3}, "expected tokens as its inputs, .* got vectors of 3 numbers"),
    ],
)
def test_inputs_that_members_cannot_read_are_refused(learnt, changes, message):
    with pytest.raises(ConfigError, match=f"^target: {message}"):
        target_task(learnt, facts(**changes))
