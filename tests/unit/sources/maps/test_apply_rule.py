"""A rule is applied to every sequence, drawn or read, and its entropy is known where it can be."""

import math
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import (
    ApplyRule,
    ElementaryCA,
    Markov,
    Mix,
    Noise,
    Shuffle,
    Subsample,
    Text,
    from_array,
    from_labelled,
)
from epiplexity_jax.sources import open_source as _open
from tests.unit.sources.synthetic.test_automata import naive

CHAIN = ((0.9, 0.1), (0.3, 0.7))


def opened(source, **options) -> Any:
    return _open(ApplyRule(source=source, **options))


def draw(source, count=20):
    return np.asarray(source.sampler(source.parameters, jax.random.key(0), count))


def bits(length):
    return Noise(vocab_size=2, length=length)


@pytest.mark.parametrize("length", [1, 2, 5, 32, 33])
@pytest.mark.parametrize("rule", [30, 54, 184])
def test_drawn_sequences_are_evolved(rule, length):
    """The source's own under the same key, whatever the rule."""
    x = draw(_open(bits(length)))
    y = naive(x, rule, 3)
    assert np.array_equal(draw(opened(bits(length), rule=rule, steps=3)), y)
    both = draw(opened(bits(length), rule=rule, steps=3, keep="xy"))
    assert np.array_equal(both, np.concatenate([x, y], axis=1))


@pytest.mark.parametrize("length", [1, 2, 5, 33])
@pytest.mark.parametrize("rule", [30, 54, 184])
def test_read_sequences_are_evolved(rule, length):
    x = np.random.default_rng(length).integers(0, 2, (30, length))
    x[0, 0], x[1, 0] = 0, 1
    given, rows = from_array(x, vocab_size=2), np.array([7, 0, 29])
    y = naive(x, rule, 3)
    assert np.array_equal(opened(given, rule=rule, steps=3).read(rows), y[rows])
    both = opened(given, rule=rule, steps=3, keep="xy")
    assert both.sequences == 30
    assert np.array_equal(both.read(rows), np.concatenate([x, y], axis=1)[rows])


def test_drawn_and_read_agree():
    """A finite sample that is evolved is the evolved source's own sample."""
    some = Subsample(source=bits(40), sequences=50)
    x, rows = _open(some).read(np.arange(50)), np.arange(50)  # pyright: ignore
    assert np.array_equal(opened(some, rule=110, steps=9).read(rows), naive(x, 110, 9))


def test_steps_add_up():
    once = ApplyRule(source=bits(20), rule=54, steps=2)
    assert np.array_equal(
        draw(opened(once, rule=54, steps=3)), draw(opened(bits(20), rule=54, steps=5))
    )


def test_what_is_paid_for():
    """With `y` what was; with `xy` all of Y, whatever was paid for before."""
    automaton = ElementaryCA(rule=30, cells=4, steps=1)
    kept = opened(automaton, rule=54).info
    assert kept.label_mask.tolist() == [False] * 4 + [True] * 4
    assert kept.entropy_rate_nats is None
    assert not kept.rate_is_unbounded
    for source, length in ((automaton, 8), (bits(5), 5)):
        info = opened(source, rule=54, keep="xy").info
        assert info.length == 2 * length
        assert info.label_mask.tolist() == [False] * length + [True] * length
        assert not info.has_bos
        assert info.entropy_rate_nats == 0.0
        assert info.rate_is_unbounded
    assert opened(bits(5), rule=54).info.has_bos


@pytest.mark.parametrize(
    ("source", "rule", "nats", "unbounded"),
    [
        (bits(40), 170, 40 * math.log(2), False),
        (bits(12), 30, 11.7392 * math.log(2), True),  # H(Y) of test_automata_entropy
        (bits(40), 30, None, False),
        (Markov(matrix=CHAIN, length=40), 15, "kept", True),
        (Markov(matrix=CHAIN, length=12), 30, None, False),
        (Shuffle(source=bits(12)), 15, None, False),
    ],
)
def test_entropy_of_y(source, rule, nats, unbounded):
    info, inner = opened(source, rule=rule, steps=2).info, _open(source).info
    assert info.rate_is_unbounded == unbounded
    if nats == "kept":
        assert info.entropy_rate_nats == inner.entropy_rate_nats is not None
    elif nats is None:
        assert info.entropy_rate_nats is None
    else:
        assert info.entropy_rate_nats * info.length == pytest.approx(nats, rel=1e-5)


def test_entropy_is_that_of_the_sequences():
    """Counted from draws, with the Miller-Madow correction, within 5 standard errors."""
    source = opened(bits(6), rule=54, steps=2)
    count = 200_000
    _, counts = np.unique(draw(source, count) @ (1 << np.arange(6)), return_counts=True)
    share = counts / count
    nats = -(share * np.log(share)).sum() + (len(share) - 1) / (2 * count)
    error = math.sqrt((share * np.log(share) ** 2).sum() - nats**2) / math.sqrt(count)
    assert abs(nats - 6 * source.info.entropy_rate_nats) < 5 * error


def test_origins_stay_and_windows_are_their_own(tmp_path):
    path = tmp_path / "bits.txt"
    path.write_text("0110100110010110" * 20, encoding="ascii")
    text = Text(path=str(path), length=16, alphabet="01")
    inner = _open(text).info
    assert inner.bytes_per_token == 1
    for keep in ("y", "xy"):
        info = opened(text, rule=30, keep=keep).info
        assert info.origins == inner.origins
        assert info.bytes_per_token is None
        assert info.documents.kind == inner.documents.kind == "text"
        assert info.documents.places is None
    noise = _open(bits(8)).info
    assert opened(bits(8), rule=30).info.origins == (noise.fingerprint,)


def test_components_of_a_mix():
    mix = Mix(sources=[{"source": Markov(matrix=CHAIN, length=8)}, {"source": bits(8)}])
    source, inner = opened(mix, rule=54), _open(mix)
    key = jax.random.key(1)
    found = source.sampler.component_of(source.parameters, key, 50)
    assert np.array_equal(found, inner.sampler.component_of(inner.parameters, key, 50))  # pyright: ignore
    assert set(np.asarray(found).tolist()) == {0, 1}
    assert source.info.components == 2


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: from_labelled(np.eye(4) / 2, np.arange(4) % 2),
            "source: its inputs are vectors of real numbers, which apply_rule does not know; use",
        ),
        (
            lambda: from_array(np.eye(4, dtype=int), vocab_size=2, mask=np.eye(4) > 0),
            "source: its labels vary by sequence, which apply_rule does not know; use",
        ),
        (
            lambda: Noise(vocab_size=4),
            "source: expected 2 symbols, the states of a cell, got 4; use vocab_size: 2, an",
        ),
        (
            lambda: from_labelled(np.arange(40).reshape(20, 2) % 5, np.arange(20) % 2),
            "source: expected 2 symbols, the states of a cell, got 5; use vocab_size: 2, an",
        ),
    ],
)
def test_what_is_no_ring_of_bits(make, sentence):
    with pytest.raises(ConfigError) as caught:
        opened(make(), rule=30)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
