"""Values by which datasets are ordered, and datasets that do not compare."""

from dataclasses import replace

import pytest

from epiplexity_jax.analysis.ranking.measures import MEASURES, check_comparable
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.ranking.made import flat, like, middle, source

S, H, PER_BYTE = (MEASURES.find(name, "by") for name in ("S", "H", "S-per-byte"))


def test_values_and_intervals_are_those_of_a_decomposition():
    frontier = like(source(0), bytes_per_token=2.0)
    found = frontier.at(middle(frontier))
    assert S.of(found, S.scale(frontier)) == (
        found.epiplexity_bits,
        found.epiplexity_bits_interval,
    )
    value, (low, _) = PER_BYTE.of(found, PER_BYTE.scale(frontier))
    assert value == pytest.approx(found.epiplexity_bits / (2.0 * found.test_tokens))
    assert low == pytest.approx(found.epiplexity_bits_interval[0] / (2.0 * found.test_tokens))
    assert PER_BYTE.of(replace(found, epiplexity_bits_interval=None), 1.0)[1] is None
    sides = replace(found, epiplexity_bits_interval=(None, 4.0))
    assert PER_BYTE.of(sides, 0.5)[1] == (None, 2.0)
    assert (S.unit, PER_BYTE.unit) == ("bits", "bits/byte")


REFUSED = {
    "variant": ({"variant": "online"}, S, "--variant"),
    "floor": ({"floor": "raw"}, S, "--floor"),
    "estimator": ({"estimator": "requential"}, S, "--estimator"),
    "procedure": ({"procedure": "raw"}, S, "--frontier"),
    "test_tokens": ({"test_tokens": 1e6}, S, "--test-tokens"),
    "bytes per token": ({"bytes_per_token": 4.2}, S, "use --by S-per-byte"),
    "--by S-per-byte": ({"bytes_per_token": None}, PER_BYTE, "are not known"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_compare_is_one_line_with_the_cure(what):
    changes, measure, cure = REFUSED[what]
    one = like(source(0), bytes_per_token=1.0)
    check_comparable({"a": one, "b": like(one, source="b")}, measure)
    with pytest.raises(ConfigError) as refused:
        check_comparable({"a": one, "b": like(one, **changes)}, measure)
    assert str(refused.value).startswith(f"{what}: ")
    assert cure in str(refused.value)
    assert "\n" not in str(refused.value)


def test_by_entropy_no_other_measure_is_proposed():
    one, other = (like(source(0), bytes_per_token=width) for width in (1.0, 4.2))
    with pytest.raises(ConfigError, match="equal data; leave one of them out"):
        check_comparable({"a": one, "b": other}, H)
    check_comparable({"a": one, "b": other}, PER_BYTE)
    check_comparable({"a": one, "b": like(one, bytes_per_token=None)}, S)


def test_one_source_is_no_order():
    with pytest.raises(ConfigError, match="expected at least two sources"):
        check_comparable({"flat": flat(0)}, S)
    with pytest.raises(ConfigError, match="got no source"):
        check_comparable({}, S)
