"""In-context classification: labels, burstiness, and what two observers pay."""

import math
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import InContext, open_source
from epiplexity_jax.sources.synthetic.in_context import absent_share


def draw(count=4000, **config):
    """Classes and labels, each [count, m + 1]; the query is the last one."""
    config = {"classes": 12, "label_symbols": 5, "context": 6, **config}
    source: Any = open_source(InContext(**config))
    rows = np.asarray(source.sampler(source.parameters, jax.random.key(0), count))
    assert rows.shape[1] == source.info.length
    return rows[:, ::2] - 5, rows[:, 1::2]


def present(items):
    return (items[:, :-1] == items[:, -1:]).any(axis=1)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
@pytest.mark.parametrize("labels", ["fixed", "fresh"])
def test_equal_items_of_a_sequence_have_equal_labels(labels, exponent):
    items, drawn = draw(labels=labels, exponent=exponent)
    for other in range(6):
        equal = items[:, other] == items[:, -1]
        assert equal.any()
        assert np.array_equal(drawn[equal, other], drawn[equal, -1])
    kinds = [len(np.unique(drawn[items == each])) for each in range(12)]
    assert kinds == [1 if labels == "fixed" else 5] * 12


@pytest.mark.parametrize(("bursty", "exponent"), [(0.0, 0.0), (0.0, 1.5), (0.4, 1.0), (1.0, 1.0)])
def test_the_share_of_queries_that_are_not_in_the_context(bursty, exponent):
    config = InContext(classes=12, context=6, bursty=bursty, exponent=exponent)
    items, _ = draw(bursty=bursty, exponent=exponent)
    share = absent_share(config)
    error = math.sqrt(share * (1 - share) / 4000)
    assert abs((~present(items)).mean() - share) <= 4 * error
    assert (share == 0) == (bursty == 1)


@pytest.mark.parametrize("copies", [1, 3, 6])
def test_a_bursty_context_has_so_many_copies_at_random_places(copies):
    items, _ = draw(bursty=1.0, copies=copies, classes=1000)
    equal = items[:, :-1] == items[:, -1:]
    assert (equal.sum(axis=1) >= copies).all()
    assert np.mean(equal.sum(axis=1) == copies) > 0.97
    assert (abs(equal.mean(axis=0) - copies / 6) < 0.05).all()


def test_two_observers_of_fresh_labels():
    """A reader of the context pays ln V where the query is not in it: labels are uniform there."""
    items, labels = draw(bursty=0.5, count=20_000)
    config = InContext(classes=12, label_symbols=5, context=6, bursty=0.5)
    rate = open_source(config).info.entropy_rate_nats
    assert rate == pytest.approx(absent_share(config) * math.log(5))
    unknown = labels[~present(items), -1]
    counts, expected = np.bincount(unknown, minlength=5), len(unknown) / 5
    assert ((counts - expected) ** 2 / expected).sum() < 4 + 5 * math.sqrt(8)


def test_fixed_labels_cost_nothing_once_they_are_known():
    assert open_source(InContext(labels="fixed")).info.entropy_rate_nats == 0


def test_only_the_last_label_is_paid_for():
    info = open_source(InContext(context=3, classes=10, label_symbols=4)).info
    assert info.label_mask.tolist() == [False] * 7 + [True]
    assert (info.vocab_size, info.input_vocab_size) == (4, 14)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"copies": 9}, "copies: expected at most context, which is 8, got 9"),
        ({"table_seed": 1}, "table_seed: fresh labels have no table; leave it out"),
    ],
)
def test_what_is_no_task(config, sentence):
    with pytest.raises(ConfigError) as caught:
        InContext(**config)
    assert str(caught.value) == sentence
