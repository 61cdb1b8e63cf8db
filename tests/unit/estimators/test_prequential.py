"""The prequential estimator: variants, and codes that it refuses."""

from dataclasses import replace

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.estimators.config import Prequential
from epiplexity_jax.estimators.prequential import PrequentialEstimator
from epiplexity_jax.sources import ElementaryCA, open_source
from epiplexity_jax.sources.spec import SourceInfo

INFO = SourceInfo.all_labels(4, 8, "drawn", entropy_rate_nats=0.5)
REPLAYED = replace(INFO, replays=3)
UNKNOWN = replace(INFO, entropy_rate_nats=None)


@pytest.mark.parametrize(
    ("variant", "info", "counts", "expected"),
    [
        (None, INFO, False, ("switch", "paired", "online")),
        (None, INFO, True, ("online",)),
        ("exact", INFO, False, ("switch", "paired", "online", "exact")),
        ("exact", INFO, True, ("online", "exact")),
        (None, REPLAYED, False, ("exact",)),
        (None, REPLAYED, True, ("exact",)),
    ],
)
def test_variants_are_those_that_a_history_allows(variant, info, counts, expected):
    estimator = PrequentialEstimator(Prequential(variant=variant))
    assert estimator.variants(info, counts) == expected


@pytest.mark.parametrize(
    ("values", "info", "counts", "message"),
    [
        ({"variant": "paired"}, INFO, True, r"^estimator\.variant: family toy is coded online"),
        (
            {"variant": "online"},
            REPLAYED,
            False,
            r"^estimator\.variant: source 'a' replays",
        ),
        ({"floor": "entropy_rate"}, REPLAYED, False, r"^estimator\.floor: source 'a' replays"),
        (
            {"floor": "entropy_rate"},
            UNKNOWN,
            False,
            r"^estimator\.floor: the entropy rate of",
        ),
    ],
)
def test_codes_that_a_source_or_family_does_not_allow_are_refused(values, info, counts, message):
    estimator = PrequentialEstimator(Prequential(**values))
    with pytest.raises(ConfigError, match=message):
        estimator.check("toy", counts, {"fine": INFO, "a": info})


def test_known_floors_and_the_exact_code_of_replayed_data_are_allowed():
    PrequentialEstimator(Prequential(floor="entropy_rate")).check("toy", False, {"a": INFO})
    PrequentialEstimator(Prequential(variant="exact")).check("toy", True, {"a": REPLAYED})


def test_a_field_of_an_own_section_identifies_a_run():
    class Threshold(Prequential):
        threshold: float = 1.0

    one, other = (PrequentialEstimator(Threshold(threshold=value)) for value in (1.0, 2.0))
    assert one.identity(10) != other.identity(10)
    plain = PrequentialEstimator(Prequential(variant="online", floor="raw"))
    assert plain.identity(10) == PrequentialEstimator(Prequential()).identity(10)


def test_a_rate_that_only_unlimited_compute_reaches_is_no_floor():
    info = open_source(ElementaryCA(rule=30, cells=8, steps=2)).info
    assert (info.entropy_rate_nats, info.rate_is_unbounded) == (0.0, True)
    estimator = PrequentialEstimator(Prequential(floor="entropy_rate"))
    with pytest.raises(ConfigError, match="'rule30' is that of an observer without limits"):
        estimator.check("transformer", False, {"rule30": info})
