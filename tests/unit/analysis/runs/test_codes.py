"""Variants by name: those of configs, and one of one's own."""

from typing import get_args

import numpy as np
import pytest

from epiplexity_jax.analysis import Online, choices, score, trace
from epiplexity_jax.analysis.runs import variants
from epiplexity_jax.analysis.runs.codes import VARIANTS, Variant
from epiplexity_jax.base.choices import REFERENCES, PrequentialVariant
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.runs.made import LOSS, make

TEST = 1e4


def test_every_variant_of_a_config_has_a_code():
    assert set(VARIANTS) == {*get_args(PrequentialVariant), *REFERENCES}


def test_a_variant_of_ones_own_is_scored_traced_and_listed(monkeypatch):
    monkeypatch.setattr(VARIANTS, "_values", dict(VARIANTS._values))
    online = Online(10 * np.concatenate([[0.0], np.cumsum(LOSS[:-1])]))
    curve = make(online=online, variants=("online", "double"), variant="online")
    with pytest.raises(ConfigError, match="variant: unknown variant 'double'"):
        score(curve, TEST, "double")

    def double(curve, ends):
        coded = variants.online(curve, ends)
        return variants.Coded(
            model_nats=2 * coded.model_nats, floor=coded.floor, averaged=coded.averaged
        )

    VARIANTS.register("double", Variant(double))
    expected = 2 * score(curve, TEST, "online").model_bits
    np.testing.assert_allclose(score(curve, TEST, "double").model_bits, expected)
    frontier = trace([curve], test_tokens=TEST, variant="double")
    np.testing.assert_allclose(frontier.all_members[0].model_bits[-1], expected[-1])
    assert ("double", "ema") in choices([curve])


def test_a_variant_that_is_known_at_the_end_alone_has_two_points(monkeypatch):
    monkeypatch.setattr(VARIANTS, "_values", dict(VARIANTS._values))
    VARIANTS.register("last", Variant(variants.paired, at_end=True))
    curve = make(variants=("paired", "last"), variant="paired")
    found = score(curve, TEST, "last")
    assert found.steps.tolist() == [0, 4]
    assert not found.refinable
    np.testing.assert_allclose(found.model_bits, score(curve, TEST, "paired").model_bits[[0, -1]])
