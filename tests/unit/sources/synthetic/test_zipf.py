"""Zipf's law: alias tables give it back, and the number of entries seen is the plain average."""

import jax
import numpy as np
import pytest

from epiplexity_jax.sources.synthetic.zipf import (
    alias_tables,
    draw_alias,
    expected_seen,
    zipf_law,
)


@pytest.mark.parametrize("exponent", [0.0, 0.7, 1.0, 2.5])
@pytest.mark.parametrize("entries", [1, 2, 7, 5000])
def test_alias_tables_hold_the_law(entries, exponent):
    """To float32's relative precision, however rare an entry is."""
    law = zipf_law(entries, exponent)
    tables = alias_tables(law)
    kept, other = np.asarray(tables.kept, np.float64), np.asarray(tables.other)
    held = kept + np.bincount(other, 1 - kept, minlength=entries)
    assert np.allclose(held / entries, law, rtol=2e-6, atol=1e-7 / entries)


def test_draws_have_the_law():
    """Chi square under its mean + 5 standard deviations."""
    law, draws = zipf_law(20, 1.0), 40_000
    drawn = draw_alias(alias_tables(law), jax.random.key(0), (draws // 4, 4))
    counts = np.bincount(np.asarray(drawn).ravel(), minlength=20)
    assert ((counts - draws * law) ** 2 / (draws * law)).sum() < 19 + 5 * np.sqrt(38)


@pytest.mark.parametrize("exponent", [0.0, 1.3])
def test_entries_seen_are_the_mean_over_draws(exponent):
    law, draws, repeats = zipf_law(30, exponent), 50, 2000
    drawn = np.random.default_rng(0).choice(30, size=(repeats, draws), p=law)
    seen = np.array([len(np.unique(row)) for row in drawn])
    error = seen.std() / np.sqrt(repeats)
    assert abs(expected_seen(law, draws) - seen.mean()) < 4 * error


def test_all_that_can_be_seen_is_seen_in_the_end():
    law = zipf_law(50, 1.0)
    assert expected_seen(law, 0) == 0
    assert expected_seen(law, 1) == pytest.approx(1)
    assert expected_seen(law, 10**6) == pytest.approx(50)
    assert expected_seen(zipf_law(1, 1.0), 3) == 1


def test_few_draws_of_many_entries_hardly_repeat():
    """The birthday problem: n - n (n - 1) / 2 K to first order, without cancellation."""
    assert expected_seen(zipf_law(10**6, 0.0), 100) == pytest.approx(
        100 - 99 * 50 / 10**6, abs=1e-5
    )
