"""FLOPs counted by the compiler against those of the matrix products."""

import jax
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families import Mlp, open_family
from epiplexity_jax.families.spec import Size, Task
from epiplexity_jax.resources import compiled_flops
from epiplexity_jax.resources.compiled_flops import compiled_cost, lowered_ratio

TASK = Task(vocab_size=16, length=8, label_mask=(True,) * 8)


@pytest.fixture(name="model")
def _model():
    return open_family(Mlp(window=4)).model(Size.of(width=32, depth=2), TASK, "float32", "cpu")


def test_the_count_is_near_the_declared_one(model):
    cost = compiled_cost(model, 8)
    assert cost.params == model.cost.params
    declared = model.cost
    assert 0.5 < cost.train_flops_per_token / declared.train_flops_per_token < 2
    assert 0.5 < cost.eval_flops_per_token / declared.eval_flops_per_token < 2


def test_a_compiler_that_counts_nothing_is_an_error(model, monkeypatch):
    monkeypatch.setattr(jax.stages.Compiled, "cost_analysis", lambda self: None)
    compiled_cost.cache_clear()
    with pytest.raises(ConfigError, match=r"training\.flops: the compiler .* use declared"):
        compiled_cost(model, 8)


def test_it_is_compiled_with_the_settings_of_the_models_platform(monkeypatch):
    asked = []
    monkeypatch.setattr(compiled_flops, "compiler_options", asked.append)
    family = open_family(Mlp(window=4))
    compiled_cost.cache_clear()
    compiled_cost(family.model(Size.of(width=8, depth=1), TASK, "float32", "gpu"), 2)
    assert asked == ["gpu", "gpu"]


def test_what_is_written_counts_as_what_is_compiled(model):
    compiled = compiled_cost(model, 8).train_flops_per_token
    assert lowered_ratio(model) * model.cost.train_flops_per_token == pytest.approx(compiled, 0.15)


def test_a_platform_that_counts_nothing_has_no_ratio(model, monkeypatch):
    monkeypatch.setattr(jax.stages.Lowered, "cost_analysis", lambda self: None)
    lowered_ratio.cache_clear()
    assert lowered_ratio(model) is None
    lowered_ratio.cache_clear()
