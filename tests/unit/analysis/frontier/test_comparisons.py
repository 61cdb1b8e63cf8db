import pytest
from scipy.stats import norm

from epiplexity_jax.analysis.frontier.comparisons import standard_errors


def test_several_comparisons_together_exceed_it_as_rarely_as_one():
    assert standard_errors(1) == 2.0
    for count in (2, 10, 100):
        each = 2.0 * norm.sf(standard_errors(count))
        assert count * each == pytest.approx(2.0 * norm.sf(2.0))
    assert standard_errors(2) > 2.0
