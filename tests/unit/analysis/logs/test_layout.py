import pytest

from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.base.errors import ConfigError


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"unit": "bit"}, "--unit: unknown unit 'bit'; did you mean 'bits'"),
        ({"floor_rows": 0}, "--floor-rows: must be a number of at least 1, got 0"),
        ({"first_step": 2}, "--first-step: must be 0 or 1, got 2"),
        ({"loss_divisor": 0.0}, "--loss-divisor: must be a positive number"),
        ({"until": -1.0}, "--until: must be a number of at least 0"),
        ({"steps_per_row": 0.0}, "--steps-per-row"),
        ({"steps_per_row": 5.0, "step_column": "x"}, "together with --step-column"),
        ({"tokens_column": "t", "first_step": 0}, "--first-step: cannot be given together"),
        ({"sampled": True}, "--sampled: needs --tokens-per-step"),
    ],
)
def test_options_that_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        Layout(**options)


def test_columns_that_options_name():
    layout = Layout(step_column="s", loss_column="l", tokens_per_step=3)
    assert layout.columns == {"s", "l"}
