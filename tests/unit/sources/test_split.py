"""Held-out and training sequences of a finite source."""

from dataclasses import dataclass

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import from_array
from epiplexity_jax.sources import split as split_module
from epiplexity_jax.sources.partition import HoldOut
from epiplexity_jax.sources.spec import HostSource, SourceInfo
from epiplexity_jax.sources.split import Split, heldout_sequences

LENGTH = 4


@dataclass(frozen=True, eq=False)
class Numbered:
    """Sequence i is i, four times over; half of its tokens are labels."""

    sequences: int

    @property
    def info(self):
        mask = np.array([False, False, True, True])
        return SourceInfo(vocab_size=1 << 20, length=LENGTH, label_mask=mask, fingerprint="n")

    def read(self, indices):
        assert indices.dtype == np.int64
        return np.repeat(indices[:, None], LENGTH, axis=1)


def _split(sequences=100, heldout=10, root=0):
    return Split(Numbered(sequences), heldout, root, "sources.a")


def _heldout(split):
    return split.heldout(split.heldout_count)[:, 0]


def _epoch(split, seed=0, batch_size=3):
    return split.chunks(seed, 0, split.max_steps(batch_size), batch_size)[..., 0]


def test_numbered_is_a_source():
    assert isinstance(Numbered(3), HostSource)


def test_training_and_heldout_sequences_never_meet():
    split = _split()
    heldout, epoch = _heldout(split), _epoch(split).ravel()
    assert len(epoch) == 90
    assert sorted([*heldout, *epoch]) == list(range(100))


def test_heldout_sequences_come_from_the_whole():
    """Their mean place is the middle, within 5 standard errors of a draw without replacement."""
    split = _split(sequences=10_000, heldout=1000)
    error = 10_000 / np.sqrt(12 * 1000)
    assert abs(_heldout(split).mean() - 5000) < 5 * error
    assert len(np.unique(_heldout(split) // 1000)) == 10


def test_a_larger_heldout_set_keeps_the_smaller():
    assert np.array_equal(_heldout(_split(heldout=20))[:10], _heldout(_split(heldout=10)))
    assert np.array_equal(_split().heldout(4)[:, 0], _heldout(_split())[:4])


def test_equal_seeds_cut_and_order_alike():
    assert np.array_equal(_heldout(_split(root=5)), _heldout(_split(root=5)))
    assert np.array_equal(_epoch(_split(root=5), seed=1), _epoch(_split(root=5), seed=1))


def test_other_seeds_cut_and_order_otherwise():
    assert not np.array_equal(_heldout(_split(root=5)), _heldout(_split(root=6)))
    split = _split()
    one, other = _epoch(split, seed=0), _epoch(split, seed=1)
    assert not np.array_equal(one, other)
    assert sorted(one.ravel()) == sorted(other.ravel())


def test_batches_are_seekable():
    """Any piece, in any order and by a fresh reader, is that piece of the epoch."""
    epoch = _epoch(_split(), seed=2, batch_size=7)
    for first, count in [(11, 1), (3, 5), (0, 12), (3, 2)]:
        piece = _split().chunks(2, first, count, 7)
        assert piece.shape == (count, 7, LENGTH)
        assert np.array_equal(piece[..., 0], epoch[first : first + count])


@pytest.mark.parametrize("batch_size", [1, 7, 45, 90])
def test_no_sequence_comes_twice(batch_size):
    epoch = _epoch(_split(), batch_size=batch_size)
    assert epoch.shape == (90 // batch_size, batch_size)
    assert len(np.unique(epoch)) == epoch.size


@pytest.mark.parametrize(("sequences", "bytes_each"), [(250, 1), (60_000, 2), (70_000, 4)])
def test_orders_are_kept_in_the_smallest_type(sequences, bytes_each):
    split = _split(sequences=sequences)
    assert split._parts.training.itemsize == split._order(0, 0).itemsize == bytes_each
    assert len(np.unique(_epoch(split, batch_size=1))) == sequences - 10


@pytest.mark.parametrize(("sequences", "batch_size", "most"), [(100, 9, 10), (100, 8, 11)])
def test_an_epoch_is_the_end(sequences, batch_size, most):
    split = _split(sequences)
    assert split.max_steps(batch_size) == most
    split.check(most, batch_size)
    split.chunks(0, most - 1, 1, batch_size)
    with pytest.raises(DataError, match=f"batch {most} lies behind the epoch's end; it"):
        split.chunks(0, most, 1, batch_size)
    with pytest.raises(DataError) as caught:
        split.check(most + 1, batch_size)
    assert str(caught.value) == (
        f"sources.a: holds 90 training sequences, at most {most} steps of {batch_size}; "
        f"training.steps is {most + 1}: lower it or training.batch_size, shorten `length`, or "
        "bring more data"
    )


def test_less_than_one_batch_is_refused():
    with pytest.raises(DataError) as caught:
        _split().check(1, 91)
    assert str(caught.value) == (
        "sources.a: holds 90 training sequences, fewer than one batch of 91; lower "
        "training.batch_size, shorten `length`, or bring more data"
    )


def test_only_heldout_sequences_are_handed_out_as_such():
    with pytest.raises(DataError, match="10 sequences are held out, not 11"):
        _split().heldout(11)


@pytest.mark.parametrize(
    ("sequences", "label_tokens", "count"),
    [
        (1000, 40, 20),  # two label tokens in a sequence
        (1000, 41, 21),
        (1000, 1, 8),  # eight at the least
        (1000, 10**9, 100),  # a tenth at the most
        (80, 10**9, 8),
    ],
)
def test_how_many_are_held_out(sequences, label_tokens, count):
    assert heldout_sequences(Numbered(sequences), label_tokens) == count


def test_too_little_to_hold_out():
    with pytest.raises(DataError) as caught:
        heldout_sequences(Numbered(79), 100, "sources.a")
    assert str(caught.value) == (
        "sources.a: holds 316 tokens in sequences of 4; a tenth is held out and must be at least "
        "8 sequences, so bring at least 320 tokens or lower `length`"
    )


def _copied(**options):
    """Rows of four symbols; those from 200 on are those from 0 on again."""
    rows = np.arange(400) % 200
    source = from_array(np.repeat(rows[:, None], LENGTH, axis=1))
    return Split(source, 40, 0, **options)


def test_the_rule_decides_what_is_held_out():
    kept, dropped = _copied(), _copied(rule=HoldOut(duplicates="drop"))
    rows = kept.heldout(40)[:, 0]
    twice = np.isin(rows, kept.chunks(0, 0, 360, 1)[:, 0, 0]).mean()
    assert kept.verbatim_share == twice > 0.7
    with pytest.raises(ConfigError, match=r"^heldout\.duplicates: source: "):
        dropped.check(1, 1)


def test_training_reads_what_the_rule_leaves():
    source = from_array(np.arange(400 * LENGTH), length=LENGTH)
    split = Split(source, 40, 0, rule=HoldOut("documents"))
    assert (split.kind, split.verbatim_share) == ("documents", 0.0)
    heldout, epoch = np.sort(split.heldout(40), axis=None), _epoch(split, batch_size=1)
    assert np.diff(heldout).tolist() == [1] * (40 * LENGTH - 1)
    assert sorted([*heldout[::LENGTH], *epoch.ravel()]) == list(range(0, 400 * LENGTH, LENGTH))
    assert Split(source, 40, 0).kind == "windows"


def test_a_share_of_much_data_is_of_its_first_tokens(monkeypatch):
    rows = np.arange(400) % 200
    source = from_array(np.repeat(rows, LENGTH), length=LENGTH)
    monkeypatch.setattr(split_module, "_SEARCHED", 100 * LENGTH)
    split = Split(source, 40, 0)
    early = np.sort(split._parts.training)[:100]
    expected = np.isin(split.heldout(40)[:, 0], rows[early]).mean()
    assert split.verbatim_share == expected < 0.8
    monkeypatch.setattr(split_module, "_LOOKED_FOR", LENGTH)
    one = Split(source, 40, 0)
    assert one.verbatim_share in (0.0, 1.0)


def test_a_source_of_the_users_own_is_not_read_before_it_is_trained_on():
    class Torn(Numbered):
        def read(self, indices):
            raise OSError("the tape is torn")

    assert Split(Torn(400), 40, 0).verbatim_share is None
