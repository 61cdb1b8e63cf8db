"""Every experiment at its smallest size: it trains, and has values, checks and a page."""

import math

import pytest

from epiplexity_jax.experiments.definition import names
from epiplexity_jax.experiments.page import page_text, write_pages
from epiplexity_jax.experiments.perform import RESULT, read_result, run_experiment


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_smoke(name, tmp_path):
    result = run_experiment(name, "smoke", tmp_path / "store")
    values = result.findings.values
    assert values
    assert all(math.isfinite(value.estimate.value) for value in values)
    assert len({value.name for value in values}) == len(values), "names are unique"
    assert result.findings.checks
    again = read_result(tmp_path / "store" / RESULT)
    assert page_text(again) == page_text(result)
    written = write_pages([again], tmp_path / "pages")
    assert all(path.stat().st_size > 0 for path in written)
