"""Sizes with axes of the family's own, and the fields of a config that decide an identity."""

import pickle
from typing import Annotated, Literal

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families import Mlp, Ngram, Transformer, user_model
from epiplexity_jax.families.config import FamilyConfig, identity_fields
from epiplexity_jax.families.spec import Axis, Cost, Size
from tests.unit.families.test_user_models import Table


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (Size.of(width=16, depth=2), "width 16 depth 2"),
        (Size.of(order=0), "order 0"),
        (Size.of(name="mine"), "mine"),
        (Size.of(width=16, heads=4, experts=8), "width 16 heads 4 experts 8"),
    ],
)
def test_a_size_is_its_axes_in_order(size, said):
    assert str(size) == said
    assert size == pickle.loads(pickle.dumps(size)) == Size.of(**size.axes)
    assert hash(size) == hash(Size.of(**size.axes))
    assert all(size[axis] == size.get(axis) == value for axis, value in size.axes.items())
    assert size.get("layers") is None


class Experts(FamilyConfig):
    """Sizes along two axes, and two fields that all members share."""

    kind: Literal["experts"] = "experts"
    heads: Annotated[tuple[int, ...], Axis("heads", least=1)] = (1, 2)
    experts: Annotated[tuple[int, ...], Axis("experts", least=1)] = (4,)
    seeds: int = 2
    top: int = 1


@pytest.mark.parametrize(
    ("config", "shared"),
    [
        (Transformer(widths=(16,), learning_rates=(0.1,)), {"kind": "transformer"}),
        (Mlp(depths=(3,), window=None), {"kind": "mlp", "window": None}),
        (Ngram(orders=(4,), alpha=1.0, seeds=9), {"kind": "ngram", "alpha": 1.0}),
        (Experts(heads=(8,), top=2), {"kind": "experts", "top": 2}),
        (
            user_model({"a": Table(), "b": Table()}, flops_per_token=(6.0, 2.0)),
            {"kind": "own", "start_token": False},
        ),
    ],
)
def test_sizes_seeds_and_rates_are_no_identity_that_members_share(config, shared):
    assert identity_fields(config) == shared


@pytest.mark.parametrize("flops", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["train_flops_per_token", "eval_flops_per_token"])
def test_a_model_that_takes_no_compute_is_refused_when_it_is_made(field, flops):
    """Otherwise it trains, and reading its rows is an error that does not name the model."""
    with pytest.raises(ConfigError, match=f"^{field}: must be positive and finite, got {flops}; "):
        Cost(**{"params": 0, "train_flops_per_token": 6, "eval_flops_per_token": 2, field: flops})
