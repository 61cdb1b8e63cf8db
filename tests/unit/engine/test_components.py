"""Components of the sequences that a member reads: through maps, drawn and finite."""

import numpy as np
import pytest

from epiplexity_jax.engine import stream
from epiplexity_jax.engine.components import StreamComponents
from epiplexity_jax.engine.stream import Stream
from epiplexity_jax.sources import from_array, open_source
from epiplexity_jax.sources.components import num_components
from epiplexity_jax.sources.opening import parse
from epiplexity_jax.sources.split import Split

COUNT, BATCH, ROOT, SEED = 150, 6, 3, 5


def only(symbol):
    """Sequences of one symbol."""
    array = np.full((600, 8), symbol)
    return {"kind": "subsample", "sequences": 500, "source": from_array(array, vocab_size=4)}


FINITE = {"kind": "mix", "sources": [{"source": only(k), "weight": k + 1.0} for k in range(3)]}
CELLS = {"kind": "elementary_ca", "cells": 4, "steps": 1, "burn_in": 0}
DRAWN = {
    "kind": "mix",
    "sources": [{"source": CELLS | {"rule": 0}}, {"source": CELLS | {"rule": 255}, "weight": 2.0}],
}


def opened(config):
    return open_source(parse(config, "a"))


def stream_of(source):
    split = None
    if hasattr(source, "sequences"):
        split = Split(source, 50, ROOT)
    return Stream(source, split, ROOT, SEED, BATCH)


def first_symbols(chunk):
    """Component that a sequence shows: of FINITE its symbol, of DRAWN the last cell."""
    return np.asarray(chunk)[..., -1]


def wrapped(kind, source, **options):
    return {"kind": kind, "source": source, **options}


MIXES = {
    "finite": FINITE,
    "finite, shuffled": wrapped("shuffle", FINITE),
    "finite, reordered": wrapped("reorder", FINITE, order="reverse"),
    "finite, sorted": wrapped("sort", FINITE),
    "finite, flipped": wrapped("flip_labels", FINITE, rate=0.0),
    "finite, some": wrapped("subsample", FINITE, sequences=900),
    "finite, replayed": wrapped("replay", FINITE, times=3),
    "finite, all of these": wrapped(
        "replay", wrapped("shuffle", wrapped("subsample", FINITE, share=0.9)), times=2
    ),
    "drawn": DRAWN,
    "drawn, flipped": wrapped("flip_labels", DRAWN, rate=0.0),
    "drawn, reordered": wrapped("reorder", DRAWN, order="permute"),
    "drawn, sorted": wrapped("sort", DRAWN),
    "drawn, shuffled": wrapped("shuffle", DRAWN),
    "drawn, some": wrapped("subsample", DRAWN, sequences=1300),
    "drawn, shuffled, some": wrapped("subsample", wrapped("shuffle", DRAWN), sequences=1300),
}


@pytest.mark.parametrize("mix", MIXES)
def test_components_are_those_of_the_sequences_that_training_reads(mix):
    source = opened(MIXES[mix])
    count = num_components(source)
    assert count == source.info.components == (2 if mix.startswith("drawn") else 3)
    own = stream_of(source)
    steps = min(COUNT, own.split.max_steps(BATCH) if own.split else COUNT)
    symbols = first_symbols(own.chunk(0, steps, steps))
    components = StreamComponents(own)
    assert components.count == count
    found = components.read(0, steps)
    np.testing.assert_array_equal(found, symbols)
    assert set(np.unique(found).tolist()) == set(range(count))
    components.ask(70, 40)
    np.testing.assert_array_equal(components.read(70, 40), symbols[70:110])
    np.testing.assert_array_equal(components.read(3, 1), symbols[3:4])
    assert components.read(3, 0) is None


def test_of_one_component_nothing_is_read():
    assert StreamComponents().read(0, 2) is None
    assert StreamComponents(stream_of(opened(only(0)))).read(0, 2) is None


def test_components_of_a_mix_of_mixes_are_those_of_the_outer_one():
    inner = {"kind": "mix", "sources": [{"source": only(1)}, {"source": only(2)}]}
    source = opened({"kind": "mix", "sources": [{"source": only(0)}, {"source": inner}]})
    assert num_components(source) == 2
    own = stream_of(source)
    symbols = first_symbols(own.chunk(0, 20, 20))
    np.testing.assert_array_equal(StreamComponents(own).read(0, 20), symbols > 0)


def test_one_program_draws_the_components_of_all_chunks():
    components = StreamComponents(stream_of(opened(DRAWN)))
    components.read(0, 1)
    before = stream._components._cache_size()
    for first in range(0, 600, 37):
        components.read(first, 37)
    assert stream._components._cache_size() == before
