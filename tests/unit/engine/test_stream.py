"""Batches of every kind of source: the same after a restart, never held out, seeds differ."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from epiplexity_jax.engine import stream as module
from epiplexity_jax.engine.stream import Stream, heldout_bytes, heldout_tokens, token_dtype
from epiplexity_jax.sources.opening import open_source
from epiplexity_jax.sources.spec import (
    FiniteSource,
    HostSource,
    MaskedTokens,
    Vectors,
    WithReals,
)
from epiplexity_jax.sources.split import Split
from epiplexity_jax.sources.synthetic.noise_markov import Noise
from epiplexity_jax.sources.synthetic.repeat import Repeat
from tests.unit.sources.test_protocol import EXAMPLES, _books, _open  # noqa: F401 - a fixture

BATCH, ROOT, HELDOUT = 4, 3, 12
BLOCK = 8  # batches; one length of blocks, so that each kind compiles once


def _parts(kind, **changes):
    """A freshly opened source and its split, as a new process would have them."""
    source = _open(kind, **changes)
    split = Split(source, HELDOUT, ROOT) if isinstance(source, HostSource) else None
    return source, split


def _stream(kind, seed=0, **changes):
    source, split = _parts(kind, **changes)
    return Stream(source, split, ROOT, seed, BATCH)


def _leaves(batch):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(batch)]


CASES = [(kind, {}) for kind in EXAMPLES]
CASES += [("labelled", {"inputs": "real"}), ("replay", {"times": 3})]
cases = pytest.mark.parametrize(("kind", "changes"), CASES)


@cases
def test_a_restart_in_the_middle_reads_the_same_batches(kind, changes):
    whole, again = _stream(kind, **changes), _stream(kind, **changes)
    first, count = 3, 2
    everything = _leaves(whole.chunk(0, BLOCK, BLOCK))
    for part, leaf in zip(_leaves(again.chunk(first, count, BLOCK)), everything, strict=True):
        np.testing.assert_array_equal(part[:count], leaf[first : first + count])
        assert part.dtype == leaf.dtype
    other = _leaves(_stream(kind, seed=1, **changes).chunk(0, BLOCK, BLOCK))
    assert any(not np.array_equal(a, b) for a, b in zip(everything, other, strict=True))


@cases
def test_batches_have_the_shape_and_type_that_the_facts_say(kind, changes):
    stream = _stream(kind, **changes)
    info, block = stream.source.info, stream.chunk(0, 2, BLOCK)
    if info.features is None:
        assert isinstance(block, MaskedTokens) == info.labels_vary
        assert isinstance(block, WithReals) == (info.real_width is not None)
        tokens = block.tokens if isinstance(block, MaskedTokens | WithReals) else block
        assert tokens.shape == (BLOCK, BATCH, info.length)
        assert tokens.dtype == token_dtype(info)
        if isinstance(block, MaskedTokens):
            assert (block.mask.shape, block.mask.dtype) == (tokens.shape, bool)
    else:
        assert isinstance(block, Vectors)
        assert block.inputs.shape == (BLOCK, BATCH, info.features)
        assert block.inputs.dtype == np.float32
        assert block.labels.shape == (BLOCK, BATCH, 1)
    size = sum(leaf[0].nbytes for leaf in _leaves(block))
    assert size == stream.batch_bytes


@cases
def test_a_process_reads_its_own_rows_of_a_batch_and_no_others(kind, changes):
    rows, stream = slice(1, 3), _stream(kind, **changes)
    everything = _leaves(stream.chunk(2, 3, BLOCK))
    asked, source = [], stream.source
    if isinstance(source, HostSource):
        spy = lambda indices: asked.append(len(indices)) or source.read(indices)  # noqa: E731
        spied = FiniteSource(source.info, source.sequences, spy)
        stream = replace(stream, source=spied, split=replace(stream.split, source=spied))
    for part, leaf in zip(_leaves(stream.chunk(2, 3, BLOCK, rows)), everything, strict=True):
        assert part.shape == leaf.shape
        np.testing.assert_array_equal(part[:3, rows], leaf[:3, rows])
    if isinstance(stream.source, HostSource):
        assert asked == [3 * 2]


@pytest.mark.parametrize("kind", ["noise", "markov_rows", "length_generalisation", "lorenz"])
def test_a_large_heldout_set_is_drawn_part_by_part(kind, monkeypatch):
    source, _ = _parts(kind)
    whole = heldout_tokens(source, None, ROOT, 2500)
    monkeypatch.setattr(module, "_HELDOUT_NUMBERS", 1)  # one draw of 1024 at a time
    parts = heldout_tokens(source, None, ROOT, 2500)
    for one, other in zip(_leaves(whole), _leaves(parts), strict=True):
        assert len(one) == 2500
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_the_memory_of_long_heldout_sequences_is_that_of_their_program():
    length = 1 << 15
    own = 64 * length
    noise, word = (open_source(c(vocab_size=4, length=length)) for c in (Noise, Repeat))
    assert heldout_bytes(word, 64) - own < 8 * 1024 * length < heldout_bytes(noise, 64) - own


@cases
def test_the_heldout_set_is_the_same_for_all_and_smaller_ones_begin_it(kind, changes):
    one, two = (heldout_tokens(*_parts(kind, **changes), ROOT, HELDOUT) for _ in range(2))
    few = heldout_tokens(*_parts(kind, **changes), ROOT, 5)
    for a, b, c in zip(*map(_leaves, (one, two, few)), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a[:5], c)


@cases
def test_no_epoch_of_a_finite_source_holds_what_is_held_out(kind, changes):
    """Sequences by index: what the split reads for training and for the held-out set."""
    source, split = _parts(kind, **changes)
    if split is None:
        pytest.skip("drawn without end")
    read = []

    class Spy:
        info, sequences = source.info, source.sequences

        def read(self, indices):
            read.append(np.array(indices))
            return source.read(indices)

    spied = Split(Spy(), HELDOUT, ROOT)
    spied.heldout(HELDOUT)
    steps = spied.max_steps(BATCH)
    for first in range(steps):
        spied.chunks(0, first, 1, BATCH)
    heldout, train = read[0], np.concatenate(read[1:])
    assert len(set(heldout)) == HELDOUT
    assert not set(heldout) & set(train)
    times = np.bincount(train, minlength=source.sequences)
    assert times.max() == source.info.replays
    left_out = spied.train_sequences * source.info.replays - steps * BATCH
    assert 0 <= left_out < BATCH


@pytest.mark.parametrize("kind", ["elementary_ca", "text"])
def test_a_source_and_its_reordering_are_read_in_pairs(kind):
    """Batch by batch and held out: the same sequences, in another order of their tokens."""
    inner = {"kind": kind, **EXAMPLES[kind][0]}
    given = _parts(kind)
    moved = _parts("reorder", source=inner, order="reverse", segments=1)
    one, other = (Stream(*parts, ROOT, 0, BATCH).chunk(0, 2, BLOCK)[:2] for parts in (given, moved))
    np.testing.assert_array_equal(one, np.asarray(other)[..., ::-1])
    one, other = (heldout_tokens(*parts, ROOT, HELDOUT) for parts in (given, moved))
    np.testing.assert_array_equal(one, np.asarray(other)[..., ::-1])
