"""Generators: the short programs print what the sources draw, and their lengths are compared."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from epiplexity_jax.experiments.findings import Estimate
from epiplexity_jax.experiments.generators import (
    Length,
    generator_bits,
    generator_table,
    lengths,
    program_of,
)
from epiplexity_jax.sources import LCG, LFSR, ElementaryCA, Induction, Life, MarkovRows, open_source
from epiplexity_jax.sources.spec import WithReals


def printed(config, row, start):
    """A sequence that the program of a source prints from the start of one that was drawn."""
    program = program_of(config)
    names = {}
    exec(program.text, names)  # the module's own text
    return names["f"](*program.arguments, row[:start])


def drawn(config, count=4):
    source = open_source(config)
    return np.asarray(source.sampler(source.parameters, jax.random.key(3), count)).tolist()


@pytest.mark.parametrize(
    ("config", "start"),
    [
        (ElementaryCA(rule=15, cells=12, steps=5, burn_in=0), 12),
        (ElementaryCA(rule=30, cells=33, steps=6, burn_in=0, states=3), 33),
        (Life(rows=4, columns=5, steps=3), 20),
        (Life(rows=3, columns=5, steps=4, states=2), 15),
        (LFSR(degree=5, length=20), 5),
        (LFSR(taps=(3, 10), length=20), 10),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
def test_programs_print_what_sources_draw(config, start):
    for row in drawn(config):
        assert printed(config, row, start) == row


def test_an_automaton_is_printed_after_its_burn_in_and_without_hidden_cells():
    names = {}
    exec(program_of(ElementaryCA(rule=30, cells=5, steps=1)).text, names)
    f, start = names["f"], [0, 1, 1, 0, 1]
    later = f(30, 5, 3, 0, 1, 0, start)[5:]
    assert f(30, 5, 2, 3, 1, 0, start) == f(30, 5, 2, 0, 1, 0, later)
    whole = f(30, 5, 2, 0, 1, 0, start)
    assert f(30, 5, 2, 0, 1, 2, start) == whole[2:]
    hidden = program_of(Induction(rule=30, cells=16, steps=2, hidden=3))
    assert hidden.arguments == (30, 16, 2, 0, 1, 3)


@pytest.mark.parametrize("output", ["low", "high"])
def test_congruences(output):
    config = LCG(modulus_bits=8, bits=3, length=12, output=output)
    states, names = range(256), {}
    program = program_of(config)
    exec(program.text, names)
    rows = {tuple(names["f"](*program.arguments, x)) for x in states}
    assert {tuple(row) for row in drawn(config, 50)} <= rows


@pytest.mark.parametrize("hidden", [0, 2, 3])
def test_markov_rows_are_printed_from_uniform_numbers(hidden):
    config, count = MarkovRows(vocab_size=3, length=20, hidden=hidden), 4
    source = open_source(config)
    key = jax.random.key(3)
    made = source.sampler(source.parameters, key, count)
    tokens, reals = made if isinstance(made, WithReals) else (made, np.zeros((count, 0, 3)))
    matrix_key, chain_key = jax.random.split(key)
    tiny = float(np.finfo(np.float32).tiny)
    matrices = np.asarray(jax.random.uniform(matrix_key, (count, 3, 3), minval=tiny)).tolist()
    uniform = np.asarray(jax.random.uniform(chain_key, (20, count, 1)))[:, :, 0].T.tolist()
    program, names = program_of(config), {}
    exec(program.text, names)
    for row, rows, u, w in zip(tokens, reals, matrices, uniform, strict=True):
        printed_tokens, printed_rows = names["f"](*program.arguments, u, w)
        assert printed_tokens == row.tolist()
        assert np.reshape(printed_rows, (-1, 3)) == pytest.approx(np.asarray(rows), rel=1e-4)


def test_other_sources_have_no_program():
    assert program_of(LFSR(degree=9, bits=2, length=8)) is None
    assert program_of(Life(rule="B36/S23")) is None
    assert program_of(MarkovRows(rows="tokens")) is None


def test_lengths_are_those_of_compressed_programs():
    bits = generator_bits({"kind": "elementary_ca", "rule": 54, "cells": 32})
    assert 500 < bits < 2500
    assert bits % 8 == 0
    more = generator_bits({"kind": "elementary_ca", "rule": 54, "cells": 32, "burn_in": 123457})
    assert more > bits, "arguments are counted, defaults among them"
    assert generator_bits({"kind": "noise", "vocab_size": 2}) is None


def test_only_resolved_sources_with_a_known_generator_are_listed():
    sources = {"a": {"kind": "lfsr"}, "b": {"kind": "noise", "vocab_size": 2}, "c": {"kind": "lcg"}}
    model = {"value": 9e4, "low": 8e4, "high": 1e5}
    endings = [
        {"source": name, "status": status, "model": model}
        for name, status in (("a", "ok"), ("b", "ok"), ("c", "untrained"))
    ]
    experiment = SimpleNamespace(name="x", config=lambda size: {"sources": sources})
    result = SimpleNamespace(experiment=experiment, size="small", endings=endings)
    (found,) = lengths([result])
    assert (found.source, found.model) == ("a", Estimate(9e4, 8e4, 1e5))
    assert generator_table([found]).rows[0][-2:] == ("9e4 ±1e4", "longer")


@pytest.mark.parametrize(
    ("low", "high", "order"),
    [(1001.0, 2e3, "longer"), (1001.0, None, "longer"), (900.0, 2e3, "not resolved")]
    + [(0.0, 999.0, "shorter"), (None, 999.0, "shorter"), (None, None, "not resolved")],
)
def test_a_model_is_longer_where_its_whole_interval_is(low, high, order):
    assert Length("x", "small", "a", 1000, Estimate(950.0, low, high)).order == order
