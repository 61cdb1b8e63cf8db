"""Maps: every one of them deterministic and pure by index; nested configs."""

import math
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.base.keys import key as derived
from epiplexity_jax.sources import (
    ElementaryCA,
    FlipLabels,
    Mix,
    Replay,
    Shuffle,
    Subsample,
    from_array,
    from_labelled,
)
from epiplexity_jax.sources import open_source as _open
from epiplexity_jax.sources import opening as kinds
from epiplexity_jax.sources.maps.inner import is_noise
from epiplexity_jax.sources.spec import DeviceSource, SourceInfo, Vectors
from epiplexity_jax.sources.split import Split
from epiplexity_jax.sweep.config import parse_sweep

RULE_30 = ElementaryCA(rule=30, cells=4, steps=1)
AUTOMATON = ElementaryCA(rule=54, cells=9, steps=2, burn_in=1)
N = 400


def opened(config) -> Any:
    return _open(config)


def numbered(first=0, count=N):
    """Tokens: the inputs name the sequence, in either order: [i // 20, 20 + i % 20, label]."""
    i = np.arange(first, first + count)
    return from_labelled(np.stack([i // 20, 20 + i % 20], 1), i % 5)


def vectors(first=0, count=N):
    """The same as vectors: the sum of the three features is the sequence's number."""
    i = np.arange(first, first + count)
    return from_labelled(np.stack([i, i * 0, -i / 2], 1), i % 5)


def name_of(batch):
    """Which sequences of `numbered` or `vectors` a batch holds, whatever map it went through."""
    if isinstance(batch, Vectors):
        return (2 * batch.inputs.sum(-1)).astype(int)
    return np.sort(batch[..., :2].astype(int), axis=-1) @ [20, 1] - 20


MAPS = {
    "shuffle": lambda s, **k: Shuffle(source=s, **k),
    "flip_labels": lambda s, **k: FlipLabels(source=s, rate=0.3, **k),
    "mix": lambda s, **k: Mix(sources=[{"source": s}], **k),
    "subsample": lambda s, **k: Subsample(source=s, share=0.5, **k),
    "replay": lambda s, **k: Replay(source=s, times=2),
}


def _equal(one, other):
    return all(
        np.array_equal(x, y)
        for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


@pytest.mark.parametrize("make", [numbered, vectors])
@pytest.mark.parametrize("kind", MAPS)
def test_sequences_are_a_function_of_the_index(kind, make):
    """Whatever else is read, before or with it; another opening reads the same."""
    source, again = opened(MAPS[kind](make())), opened(MAPS[kind](make()))
    order = np.array([7, 0, source.sequences - 1, 7])
    some, whole = source.read(order), again.read(np.arange(again.sequences))
    assert _equal(some, jax.tree.map(lambda x: x[order], whole))
    assert isinstance(some, Vectors) == (make is vectors)
    shapes = [x.shape for x in jax.tree.leaves(source.read(np.zeros(0, np.int64)))]
    assert shapes == [(0, *x.shape[1:]) for x in jax.tree.leaves(whole)]


@pytest.mark.parametrize("make", [numbered, vectors])
@pytest.mark.parametrize("kind", [kind for kind in MAPS if kind != "replay"])
def test_other_seeds_read_otherwise(kind, make):
    one, other = (opened(MAPS[kind](make(), map_seed=seed)) for seed in (0, 1))
    assert one.info.fingerprint != other.info.fingerprint
    assert not _equal(one.read(np.arange(100)), other.read(np.arange(100)))


@pytest.mark.parametrize("make", [numbered, vectors])
@pytest.mark.parametrize("kind", MAPS)
def test_heldout_and_training_sequences_never_meet(kind, make):
    """By the numbers of the sequences in the original, of which a reading of all has each once."""
    source = opened(MAPS[kind](make()))
    split = Split(source, source.sequences // 10, 0)
    heldout = name_of(split.heldout(split.heldout_count)).ravel()
    epoch = name_of(split.chunks(1, 0, split.train_sequences, 1)).ravel()
    assert len(heldout) + len(epoch) == source.sequences >= N // 2
    assert len({*heldout, *epoch}) == source.sequences


@pytest.mark.parametrize("kind", MAPS)
def test_facts_of_a_mapped_source(kind):
    inner = from_array(np.arange(4000) % 90, length=8, bytes_per_token=2.0)
    info = opened(MAPS[kind](inner)).info
    assert info.fingerprint != inner.info.fingerprint
    assert info.origins == inner.info.origins != ()
    assert info.replays == (2 if kind == "replay" else 1)
    assert info.bytes_per_token == (None if kind == "flip_labels" else 2.0)
    assert (info.vocab_size, info.length) == (90, 8)


@pytest.mark.parametrize("kind", ["shuffle", "flip_labels"])
def test_drawn_maps(kind):
    """A function of the key and of map_seed, which is a value: all seeds share a program."""
    one, other = (opened(MAPS[kind](AUTOMATON, map_seed=seed)) for seed in (0, 1))
    plain = opened(AUTOMATON)
    assert isinstance(one, DeviceSource)
    assert one.sampler == other.sampler
    draw = jax.jit(one.sampler, static_argnums=2)
    key, count = jax.random.key(5), 50
    drawn = np.asarray(draw(one.parameters, key, count))
    assert np.array_equal(drawn, draw(one.parameters, key, count))
    assert not np.array_equal(drawn, draw(other.parameters, key, count))
    inner = np.asarray(
        jax.jit(plain.sampler, static_argnums=2)(plain.parameters, derived(key, "source"), count)
    )
    if kind == "flip_labels":
        assert np.array_equal(drawn[:, :9], inner[:, :9])
        assert 0.1 < (drawn != inner)[:, 9:].mean() < 0.5
        return
    for part in (slice(9), slice(9, 18)):  # X keeps its ones, and so does Y
        assert np.array_equal(np.sort(drawn[:, part]), np.sort(inner[:, part]))
        assert not np.array_equal(drawn[:, part], inner[:, part])


NESTED = {
    "kind": "subsample",
    "sequences": 100,
    "source": {
        "kind": "flip_labels",
        "rate": 0.1,
        "source": {
            "kind": "mix",
            "sources": [
                {"weight": 2, "source": {"kind": "elementary_ca", "rule": 30, "cells": 5}},
                {
                    "source": {
                        "kind": "shuffle",
                        "source": {"kind": "elementary_ca", "rule": 54, "cells": 5},
                    }
                },
            ],
        },
    },
}


def test_nested_configs_survive_being_plain():
    config: Any = kinds.parse(NESTED, "sources.a")
    assert config.source.source.sources[1].source == Shuffle(source=ElementaryCA(rule=54, cells=5))
    assert config.source.source.sources[0].source.rule == 30
    plain = config.model_dump(mode="json")
    assert kinds.parse(plain, "sources.a") == config
    sweep = parse_sweep({"sources": {"a": NESTED}, "family": {"kind": "ngram"}})
    assert parse_sweep(sweep.to_plain()) == sweep
    assert sweep.sources["a"] == config


def test_nested_configs_are_described():
    known = {kind["kind"]: kind["parameters"] for kind in kinds.kinds()}
    for kind in ("shuffle", "flip_labels", "subsample", "replay"):
        parameter = known[kind][0]
        assert (parameter["name"], parameter["type"]) == ("source", "source")
        assert parameter["required"]


RULE = {"kind": "elementary_ca", "rule": 300}
REPLAYED = {"kind": "replay", "times": 2, "source": {"kind": "noise"}}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"kind": "shuffle"}, "a.source: this key is required"),
        ({"kind": "shuffle", "source": 3}, "a.source: expected keys and values with a kind, got 3"),
        ({"kind": "shuffle", "source": {}}, "a.source.kind: this key is required; known: "),
        (
            {"kind": "shuffle", "source": {"kind": "nois"}},
            "a.source.kind: unknown source 'nois'; did you mean 'noise'?",
        ),
        (
            {"kind": "shuffle", "source": {"kind": "noise", "vocab": 3}},
            "a.source: unknown key 'vocab'; did you mean 'vocab_size'?",
        ),
        (
            {"kind": "shuffle", "source": {"kind": "markov", "matrix": [[1, 2], [3, 4]]}},
            "a.source.matrix: row 0 must hold probabilities that sum to 1, got [1, 2], sum 3",
        ),
        (
            {"kind": "shuffle", "source": {"kind": "replay", "times": 2, "source": RULE}},
            "a.source.source.rule: input should be less than or equal to 255, got 300",
        ),
        (
            {"kind": "mix", "sources": [{"source": RULE}]},
            "a.sources.0.source.rule: input should",
        ),
        (
            {"kind": "mix", "sources": [{"wait": 1, "source": RULE}]},
            "a.sources.0: unknown key",
        ),
        ({"kind": "mix", "sources": []}, "a.sources: needs at least one entry, got []"),
        (
            {"kind": "mix", "sources": [{"weight": 0, "source": {"kind": "noise"}}]},
            "a.sources.0.weight: input should be greater than 0, got 0",
        ),
        ({"kind": "flip_labels", "rate": 1.1, "source": {"kind": "noise"}}, "a.rate: input should"),
        (
            {"kind": "shuffle", "source": REPLAYED},
            "a.source: replay must be the outermost",
        ),
        ({**REPLAYED, "source": REPLAYED}, "a.source: replay must be the outermost map; put it"),
        ({"kind": "mix", "sources": [{"source": REPLAYED}]}, "a.sources.0.source: replay must be "),
        (
            {"kind": "subsample", "source": {"kind": "noise"}},
            "a.sequences: give sequences or",
        ),
    ],
)
def test_complaints_name_the_key(data, sentence):
    with pytest.raises(ConfigError) as caught:
        kinds.parse(data, "a")
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_errors_of_the_inner_source_name_it():
    missing = {"kind": "text", "path": "none.txt"}
    nested = {"kind": "mix", "sources": [{"source": {"kind": "shuffle", "source": missing}}]}
    with pytest.raises(DataError, match=r"^sources\.0\.source: source: none\.txt: no such file$"):
        opened(kinds.parse(nested, "a"))


@pytest.mark.parametrize("kind", MAPS)
def test_an_opened_replay_is_not_mapped_either(kind):
    replayed = opened(Replay(source=numbered(), times=2))
    with pytest.raises(ConfigError, match="source: replay must be the outermost map; put it aro"):
        opened(MAPS[kind](replayed))


@pytest.mark.parametrize(
    "config",
    [
        Shuffle(source=RULE_30),
        Mix(sources=[{"source": RULE_30}, {"source": RULE_30}]),
        FlipLabels(source=ElementaryCA(rule=30, cells=4, steps=1, pay="all"), rate=0.1),
    ],
)
def test_no_observer_comes_near_a_rate_that_is_not_known(config):
    assert opened(RULE_30).info.rate_is_unbounded
    info = opened(config).info
    assert (info.entropy_rate_nats, info.rate_is_unbounded) == (None, False)


@pytest.mark.parametrize(
    ("rate", "found"),
    [(math.log(10) * 3, True), (math.log(1000), True), (math.log(999), False), (None, False)],
)
def test_noise_has_the_entropy_of_its_alphabet(rate, found):
    info = SourceInfo.all_labels(1000, 4, "f", entropy_rate_nats=rate)
    assert is_noise(info) == found
