"""Config sections of the estimators: what they refuse, and what `--variant` reads."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.estimators.config import MOST_STEPS, Prequential, Requential


@pytest.mark.parametrize(
    ("config", "values", "message"),
    [
        (Prequential, {"variant": "exact", "floor": "entropy_rate"}, "floor: the exact variant"),
        (Prequential, {"ema_steps": 0}, "ema_steps"),
        (Prequential, {"ema_steps": MOST_STEPS + 1}, "ema_steps"),
        (Requential, {"max_iterations": 100}, "max_iterations: without max_kl"),
        (Requential, {"max_kl": float("inf")}, "max_kl"),
        (Requential, {"max_kl": 0.0}, "max_kl"),
        (Requential, {"ema_growth": 1.5}, "ema_growth"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(config, values, message):
    with pytest.raises(ConfigError, match=message):
        config(**values)


def test_a_bound_needs_a_cap_and_the_exact_variant_a_floor_of_weights():
    assert Requential(max_kl=0.1, max_iterations=100).max_iterations == 100
    assert Prequential(variant="exact", floor="raw").floor == "raw"


def test_the_variant_of_a_requential_code_is_its_reference():
    assert Requential(reference="student").variant == "student"
