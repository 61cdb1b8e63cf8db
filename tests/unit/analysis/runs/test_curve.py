import numpy as np
import pytest

from epiplexity_jax.analysis import HeldoutLosses, Online, StepCost
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.runs.made import LOSS, STEPS, make


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": np.array([1, 2, 3, 4, 5])}, "steps: must begin at 0"),
        ({"steps": np.array([0, 2, 2, 3, 4])}, "steps: must begin at 0 and rise"),
        ({"steps": STEPS + 0.5}, "steps: must be whole numbers"),
        ({"steps": STEPS[:3]}, "ema: 5 values for 3 record points"),
        ({"ema": HeldoutLosses(np.array([1.0, np.nan, 0.5, 0.4, 0.3]))}, "not finite"),
        ({"params": 0}, "params and vocab_size"),
        ({"variants": ("paired", "online")}, "online needs the sums"),
    ],
)
def test_a_curve_that_cannot_be_scored_is_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        make(**changes)


def test_shapes_and_costs_are_checked():
    with pytest.raises(ConfigError, match="sum_var"):
        Online(LOSS, np.zeros(2))
    with pytest.raises(ConfigError, match="label_tokens_per_step"):
        StepCost.dense(100, 0)


def test_a_diverged_curve_may_hold_nan():
    losses = np.where(STEPS == 4, np.nan, LOSS)
    assert make(status="diverged", ema=HeldoutLosses(losses)).status == "diverged"


def test_members_differ_in_everything_but_the_seed():
    assert make(seed=1).member == make(seed=2, run_id="other").member
    assert make().member != make(learning_rate=0.1).member
    assert make().member != make(cost=StepCost.dense(100, 20)).member
