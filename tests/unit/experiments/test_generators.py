"""Generators: the short programs print what the sources draw, and their lengths are compared."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from epiplexity_jax.experiments.findings import Estimate
from epiplexity_jax.experiments.generators import (
    SOURCES,
    generator_bits,
    generator_table,
    lengths,
)
from epiplexity_jax.sources import ElementaryCA, Life, open_source
from epiplexity_jax.sources.synthetic.lcg import LCG
from epiplexity_jax.sources.synthetic.lfsr import LFSR


def program(kind):
    names = {}
    exec(SOURCES[kind], names)  # the module's own text
    return names["f"]


def drawn(config, count=4):
    source = open_source(config)
    return np.asarray(source.sampler(source.parameters, jax.random.key(3), count)).tolist()


@pytest.mark.parametrize("rule", [15, 30, 54])
def test_automata(rule):
    f = program("elementary_ca")
    for row in drawn(ElementaryCA(rule=rule, cells=12, steps=5, burn_in=0)):
        assert f(rule, 12, 5, 0, row[:12]) == row


def test_automata_after_a_burn_in():
    f = program("elementary_ca")
    start = [0, 1, 1, 0, 1]
    later = f(30, 5, 3, 0, start)[5:]
    assert f(30, 5, 2, 3, start) == f(30, 5, 2, 0, later)


def test_life():
    f = program("life")
    for row in drawn(Life(rows=4, columns=5, steps=3)):
        assert f(4, 5, 3, row[:20]) == row


def test_registers_and_congruences():
    f = program("lfsr")
    for row in drawn(LFSR(degree=5, length=20)):
        assert f((2, 5), 20, row[:5]) == row
    g = program("lcg")
    config = LCG(modulus_bits=8, bits=8, length=12)
    for row in drawn(config):
        assert g(config.multiplier, config.increment % 256, 8, 0, 12, row[0]) == row


def test_lengths_are_those_of_compressed_programs():
    bits = generator_bits({"kind": "elementary_ca", "rule": 54, "cells": 32})
    assert 500 < bits < 2500
    assert bits % 8 == 0
    assert generator_bits({"kind": "text"}) is None


def test_only_resolved_sources_with_a_known_generator_are_listed():
    sources = {"a": {"kind": "lfsr"}, "b": {"kind": "noise"}, "c": {"kind": "lcg"}}
    model = {"value": 9e4, "low": 8e4, "high": 1e5}
    endings = [
        {"source": name, "status": status, "model": model}
        for name, status in (("a", "ok"), ("b", "ok"), ("c", "untrained"))
    ]
    experiment = SimpleNamespace(name="x", config=lambda size: {"sources": sources})
    result = SimpleNamespace(experiment=experiment, size="small", endings=endings)
    (found,) = lengths([result])
    assert (found.source, found.model) == ("a", Estimate(9e4, 8e4, 1e5))
    assert generator_table([found]).rows[0][-1] == "9e4 ±1e4"
