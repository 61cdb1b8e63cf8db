"""Numbers in few digits; tests/unit/report/test_tables.py has the cases."""

from epiplexity_jax.report.numbers import number, with_interval


def test_numbers_and_intervals_are_short():
    assert number(1234567.0) == "1.23e6"
    assert with_interval(2.0e6, (1.8e6, None)) == "2e6 (≥ 1.8e6)"
