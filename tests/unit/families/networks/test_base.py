"""Every family of networks: inputs, causality, untrained models, configs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families import Mlp, Recurrent, Transformer, open_family
from epiplexity_jax.families.spec import DeviceFamily, Task
from epiplexity_jax.sources.spec import Vectors
from tests.unit.families.toys import (
    MODELS,
    TASKS,
    VECTORS,
    inputs_of,
    logits_of,
    losses,
    perturbed,
)

CONFIGS = (Transformer, Recurrent, Mlp)
each_model = pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)


@each_model
@pytest.mark.parametrize("task", [TASKS["translated"], VECTORS], ids=["tokens", "vectors"])
def test_an_untrained_model_predicts_uniformly_over_labels(build, task):
    model = build(16, 2, task)
    params = jax.jit(model.init)(jax.random.key(0))
    logits = logits_of(model, params, inputs_of(task))
    assert logits.shape == (3, task.label_tokens, task.vocab_size)
    assert logits.dtype == jnp.float32
    np.testing.assert_array_equal(logits, 0.0)


@each_model
def test_causality_by_gradient(build):
    """With an id for every position, a row of the embedding table shows who reads a position."""
    length = 10
    task = Task(3, length + 1, (False,) + (True,) * length, input_vocab_size=length)
    model = build(16, 2, task)
    params, ids = perturbed(model), jnp.arange(length)[None]

    def logits(rows):
        return jnp.tanh(model.logits({**params, "token_embedding": rows}, ids)[0]).sum(-1)

    slopes = np.abs(jax.jit(jax.jacobian(logits))(params["token_embedding"])).sum(-1)[:, :length]
    np.testing.assert_array_equal(slopes > 0, np.tri(length, dtype=bool))


@each_model
def test_every_input_token_and_feature_has_parameters_of_its_own(build):
    tokens = build(16, 1, TASKS["translated"])
    params = perturbed(tokens)
    inputs = jnp.repeat(jnp.arange(9)[:, None], 11, axis=1)
    logits = logits_of(tokens, params, inputs)[:, 0]
    assert len(np.unique(np.round(logits, 4), axis=0)) == 9
    vectors = build(16, 1, VECTORS)
    params = perturbed(vectors)
    kernel = params["vector_embedding"]["kernel"]
    assert kernel.shape == (5, 16)
    assert vectors.rate_scales(params)["vector_embedding"]["kernel"] == 1 / 5
    slopes = jax.jit(jax.grad(lambda x: (vectors.logits(params, x) ** 2).sum()))
    assert np.all(slopes(inputs_of(VECTORS)))


@each_model
def test_a_vector_s_label_is_learnt(build):
    task = Task(4, 2, (False, True), features=5)

    def draw(key):
        inputs = jax.random.normal(key, (64, 5))
        return Vectors(inputs, (2 * (inputs[:, :1] > 0) + (inputs[:, 1:2] * inputs[:, 2:3] > 0)))

    curve = losses(build(32, 1, task), task, draw, steps=300)
    assert curve[0] == pytest.approx(np.log(4), abs=1e-3)
    assert curve[-20:].mean() < 0.75


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("rates", [None, (0.01, 0.1)])
def test_learning_rates_are_handed_on(config, rates):
    family = open_family(config(learning_rates=rates))
    assert isinstance(family, DeviceFamily)
    assert family.learning_rates == rates


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"learning_rates": []}, "learning_rates: needs at least one entry"),
        ({"learning_rates": [0.1, 0.0]}, "learning_rates: must be positive and finite, got 0.0"),
        ({"learning_rates": [float("inf")]}, "learning_rates: must be positive and finite, got in"),
        ({"learning_rates": [float("nan")]}, "learning_rates: must be positive and finite, got na"),
        ({"learning_rates": [0.1, 0.1]}, "learning_rates: each value once, got [0.1, 0.1]"),
        ({"learning_rates": [True]}, "learning_rates: expected a number, got"),
        ({"batch_sizes": [64, 0]}, "batch_sizes: must be positive and finite, got 0"),
        ({"batch_sizes": [64, 64]}, "batch_sizes: each value once, got [64, 64]"),
        ({"batch_sizes": [1.5]}, "batch_sizes.0: input should be a valid integer"),
        ({"widths": [0]}, "widths: must be positive, got 0"),
        ({"depths": [2, 2]}, "depths: each value once, got [2, 2]"),
    ],
)
def test_impossible_families_are_refused_in_one_line(config, arguments, sentence):
    with pytest.raises(ConfigError) as caught:
        config(**arguments)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
