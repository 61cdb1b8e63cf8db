"""Components of mixed sources: their number, and the function that finds them."""

import dataclasses

import jax
import numpy as np
import pytest

from epiplexity_jax.sources import from_array, open_source
from epiplexity_jax.sources.components import component_lookup, num_components
from epiplexity_jax.sources.opening import parse

NUMBERS = np.arange(80).reshape(20, 4)
CELLS = {"kind": "elementary_ca", "cells": 4, "steps": 1, "burn_in": 0}
DRAWN = {"kind": "mix", "sources": [{"source": CELLS | {"rule": r}} for r in (0, 255)]}
FINITE = {
    "kind": "mix",
    "sources": [{"source": from_array(NUMBERS + n, vocab_size=256)} for n in (0, 100)],
}


def opened(config):
    return open_source(parse(config, "a"))


@pytest.mark.parametrize(
    "config",
    [
        CELLS | {"rule": 30},
        {"kind": "shuffle", "scope": "corpus", "source": FINITE},
        {"kind": "mix", "sources": [{"source": CELLS | {"rule": 30}}]},
    ],
    ids=["drawn", "corpus", "mix of one"],
)
def test_other_sources_have_one_component(config):
    source = opened(config)
    assert num_components(source) == 1
    with pytest.raises(ValueError, match="has one component"):
        component_lookup(source)


def test_components_of_a_finite_mix_are_those_of_its_sequences():
    source = opened(FINITE)
    assert num_components(source) == 2
    indices = np.arange(source.sequences)[::-1]
    found = component_lookup(source)(indices)
    np.testing.assert_array_equal(found, source.read(indices)[:, 0] >= 100)


def test_components_of_a_drawn_mix_are_those_of_the_same_draw():
    source, key = opened(DRAWN), jax.random.key(3)
    assert num_components(source) == 2
    found = component_lookup(source)(source.parameters, key, 50)
    drawn = source.sampler(source.parameters, key, 50)
    np.testing.assert_array_equal(found, np.asarray(drawn)[:, -1])


def test_a_source_of_its_own_that_cannot_say_has_one():
    """A wrapper of somebody's, with the facts of the mix inside it."""
    mixed = opened(FINITE)
    wrapper = dataclasses.replace(mixed, component_of=None)
    assert wrapper.info.components == 2
    assert num_components(wrapper) == 1
