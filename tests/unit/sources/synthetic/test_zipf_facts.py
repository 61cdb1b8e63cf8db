"""Facts with a long tail: keys by Zipf's law, values that do not change, what a table costs."""

import math
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.sources import ZipfFacts, open_source
from epiplexity_jax.sources.synthetic.zipf import zipf_law
from epiplexity_jax.sources.synthetic.zipf_facts import fact_values, table_learner_bits


def draw(config, count, seed=0):
    source: Any = open_source(config)
    return np.asarray(source.sampler(source.parameters, jax.random.key(seed), count))


def test_values_are_those_of_their_keys():
    config = ZipfFacts(facts=50, values=7)
    rows = draw(config, 4000)
    assert np.array_equal(rows[:, 1], fact_values(config)[rows[:, 0]])
    assert not np.array_equal(
        fact_values(config), fact_values(config.model_copy(update={"table_seed": 1}))
    )


def test_keys_have_the_law():
    """Chi square under its mean + 5 standard deviations."""
    counts = np.bincount(draw(ZipfFacts(facts=30, exponent=1.2), 30_000)[:, 0], minlength=30)
    expected = 30_000 * zipf_law(30, 1.2)
    assert ((counts - expected) ** 2 / expected).sum() < 29 + 5 * math.sqrt(58)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_a_learner_that_stores_facts_pays_the_expected_bits(exponent):
    """A table that is filled as it goes, over 60 draws."""
    config, paid = ZipfFacts(facts=100, values=8, exponent=exponent), []
    for seed in range(60):
        known, bits = {}, 0.0
        for key, value in draw(config, 150, seed).tolist():
            bits += 0.0 if key in known else 3.0
            assert known.setdefault(key, value) == value
        paid.append(bits)
    error = np.std(paid) / math.sqrt(60)
    assert abs(np.mean(paid) - table_learner_bits(config, 150)) < 4 * error


def test_what_is_paid_for():
    value, every = (
        open_source(ZipfFacts(facts=20, values=4, pay=pay)).info for pay in ("value", "all")
    )
    law = zipf_law(20, 1.0)
    assert value.label_mask.tolist() == [False, True]
    assert (value.vocab_size, value.input_vocab_size, value.entropy_rate_nats) == (4, 20, 0)
    assert every.label_mask.tolist() == [True, True]
    assert (every.vocab_size, every.input_vocab_size) == (20, None)
    assert every.entropy_rate_nats == pytest.approx(-(law * np.log(law)).sum() / 2)
