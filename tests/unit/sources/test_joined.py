"""Sources in parts and held-out files of the user's own: order, borders, and what is held out."""

import dataclasses

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Mix, Shuffle, Subsample, from_array, open_source
from epiplexity_jax.sources.joined import join, with_heldout
from epiplexity_jax.sources.partition import HoldOut
from epiplexity_jax.sources.split import Split, heldout_sequences

RNG = np.random.Generator(np.random.Philox(3))
PARTS = [RNG.integers(0, 50, size) for size in (100, 64, 90)]


def part(tokens, length=8, **options):
    return from_array(tokens, length=length, vocab_size=50, **options)


def rows(source):
    return source.read(np.arange(source.sequences))


def test_parts_are_read_in_order_and_cut_at_their_borders():
    joined = join([part(tokens) for tokens in PARTS], "all")
    expected = [tokens[: len(tokens) // 8 * 8].reshape(-1, 8) for tokens in PARTS]
    assert np.array_equal(rows(joined), np.concatenate(expected))
    shuffled = RNG.permutation(joined.sequences)
    assert np.array_equal(joined.read(shuffled), np.concatenate(expected)[shuffled])
    documents = joined.info.documents
    assert documents.spans[:, 0].tolist() == [0] * 12 + [1] * 8 + [2] * 11
    assert np.flatnonzero(np.diff(documents.places) != 1).tolist() == [11, 19]
    other = join([part(tokens) for tokens in PARTS[::-1]], "all")
    assert other.info.fingerprint != joined.info.fingerprint
    assert set(part(PARTS[0]).info.origins) <= set(joined.info.origins)


def test_one_part_is_itself_and_rows_stay_rows():
    one = part(PARTS[0])
    assert join([one], "all") is one
    two = [part(RNG.integers(0, 50, (9, 8)), None) for _ in range(2)]
    assert join(two, "all").info.documents.kind == "rows"
    with pytest.raises(DataError, match="all: holds rows of 9 tokens and of 8; bring files of one"):
        join([two[0], part(RNG.integers(0, 50, (9, 9)), None)], "all")


def test_notes_of_parts_are_said_once():
    parts = [part(tokens) for tokens in PARTS]
    noted = [dataclasses.replace(p, info=dataclasses.replace(p.info, notes=("x",))) for p in parts]
    assert join(noted, "all").info.notes == ("x",)
    assert with_heldout(noted[0], noted[1]).info.notes == ("x",)


@pytest.fixture(scope="module")
def own():
    return with_heldout(part(RNG.integers(0, 50, 4000)), part(RNG.integers(0, 50, 160)))


@pytest.mark.parametrize("rule", [HoldOut(), HoldOut("documents"), HoldOut(duplicates="drop")])
def test_all_and_only_the_file_is_held_out(own, rule):
    assert heldout_sequences(own, 10**6) == 20
    assert heldout_sequences(own, 9 * 8) == 9
    split = Split(own, 20, 0, rule=rule)
    assert split.kind == "file"
    assert split.train_sequences == 500
    assert not rule.is_random(own.info.documents)
    held = {row.tobytes() for row in split.heldout(20)}
    assert held == {row.tobytes() for row in own.read(np.arange(500, 520))}
    read = split.chunks(0, 0, 50, 10).reshape(-1, 8)
    assert {row.tobytes() for row in read} == {row.tobytes() for row in own.read(np.arange(500))}


def test_a_file_that_stands_in_the_training_data_is_seen():
    tokens = RNG.integers(0, 50, 4000)
    copied = with_heldout(part(tokens), part(np.r_[tokens[403:483], RNG.integers(0, 50, 80)]))
    assert Split(copied, 20, 0).verbatim_share == 0.5


def test_short_and_unfit_files_are_refused(own):
    short = with_heldout(part(RNG.integers(0, 50, 4000)), part(PARTS[1][:56]))
    with pytest.raises(DataError, match="source: its held-out file holds 7 whole sequences of 8"):
        heldout_sequences(short, 100)
    with pytest.raises(DataError, match="heldout: has sequences of 9 tokens, and training has 8"):
        with_heldout(part(PARTS[0]), part(PARTS[1], 9))
    with pytest.raises(DataError, match="heldout: is the data that is trained on"):
        with_heldout(part(PARTS[0]), part(PARTS[0]))


def test_maps_keep_the_file_apart_or_refuse(own):
    few = open_source(Subsample(source=own, share=0.5))
    assert few.info.documents.heldout_from < 260
    held = few.read(np.arange(few.info.documents.heldout_from, few.sequences))
    assert {r.tobytes() for r in held} <= {r.tobytes() for r in own.read(np.arange(500, 520))}
    assert open_source(Shuffle(source=own)).info.documents.heldout_from == 500
    with pytest.raises(ConfigError, match="scope: corpus would mix the held-out file"):
        open_source(Shuffle(source=own, scope="corpus"))
    with pytest.raises(ConfigError, match="has a held-out file of its own; leave it out in a mix"):
        open_source(Mix(sources=[{"source": own}, {"source": part(PARTS[0])}]))
