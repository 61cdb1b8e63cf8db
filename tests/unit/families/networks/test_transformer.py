"""The transformer family: counts, causality, the parametrisation, and its defaults."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.networks.base import NetworkFamily
from epiplexity_jax.families.networks.mup import VECTOR_RATE
from epiplexity_jax.families.networks.transformer import (
    Transformer,
    TransformerModel,
    head_size,
)
from epiplexity_jax.families.spec import Size, Task
from tests.unit.families.toys import CONDITIONAL, SCATTERED, TEXT, inputs_of, perturbed

TASKS = {"text": TEXT, "conditional": CONDITIONAL, "scattered": SCATTERED}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize(("width", "depth"), [(16, 1), (64, 2), (48, 1)])
def test_params_are_counted_exactly(task, width, depth):
    model = TransformerModel(width, depth, task)
    d, head = width, {16: 16, 64: 32, 48: 24}[width]
    block = 12 * d * d + 2 * d + 2 * head
    ids = task.vocab_size + task.has_bos
    expected = (ids + task.input_length) * d + depth * block + d + d * task.vocab_size
    assert model.cost.params == expected
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    assert sum(x.size for x in jax.tree.leaves(shapes)) == expected
    assert model.cost.train_flops_per_token == 6 * expected
    assert model.cost.eval_flops_per_token == 2 * expected


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_prediction_depends_on_the_past_only(task):
    """Gradients of every paid position with respect to the input embeddings of every position."""
    model = TransformerModel(16, 2, task)
    params = perturbed(model)
    inputs = inputs_of(task, batch=1)

    def logits_of(positions):
        return model.logits({**params, "position_embedding": positions}, inputs)[0].sum(-1)

    # The position table has one row per input position, so its Jacobian shows who reads whom.
    logits = lambda table: jnp.tanh(logits_of(table))  # noqa: E731 - break the sum's symmetry
    reads = np.abs(jax.jit(jax.jacobian(logits))(params["position_embedding"])).sum(-1)
    for row, position in zip(reads, task.target_positions, strict=True):
        assert (row[position + 1 :] == 0.0).all()
        assert (row[: position + 1] > 0.0).all()


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_paid_positions_are_rows_of_the_full_prediction(task):
    """The last block at paid positions only is the same mathematics as at all positions."""
    everywhere = Task(task.vocab_size, task.length, (task.has_bos,) + (True,) * (task.length - 1))
    params = perturbed(TransformerModel(16, 2, task))
    inputs = inputs_of(task)
    few = jax.jit(TransformerModel(16, 2, task).logits)(params, inputs)
    full = jax.jit(TransformerModel(16, 2, everywhere).logits)(params, inputs)
    np.testing.assert_allclose(few, full[:, np.array(task.target_positions)], atol=2e-5)


def test_an_untrained_model_predicts_uniformly():
    model = TransformerModel(32, 2, TEXT)
    logits = jax.jit(model.logits)(jax.jit(model.init)(jax.random.key(3)), inputs_of(TEXT))
    assert logits.shape == (3, 12, 11)
    assert logits.dtype == jnp.float32
    np.testing.assert_array_equal(logits, 0.0)


def test_matrices_start_at_variance_one_over_fan_in_and_outputs_at_zero():
    params = jax.jit(TransformerModel(128, 1, TEXT).init)(jax.random.key(0))
    block = params["block_0"]
    for name, kernel in (
        ("query", block["attention"]["query"]["kernel"]),
        ("key_value", block["attention"]["key_value"]["kernel"]),
        ("up", block["up"]["kernel"]),
    ):
        assert np.std(kernel) == pytest.approx(128**-0.5, rel=0.05), name
    for kernel in (block["attention"]["output"], block["down"], params["readout"]):
        assert not np.any(kernel["kernel"])
    assert np.std(params["token_embedding"]) == pytest.approx(0.02, rel=0.1)


def test_learning_rates_follow_fan_in():
    model = TransformerModel(64, 2, TEXT)
    scales = model.rate_scales(jax.jit(model.init)(jax.random.key(0)))
    assert scales["block_1"]["up"]["kernel"] == 1 / 64
    assert scales["block_1"]["down"]["kernel"] == 1 / 256
    assert scales["readout"]["kernel"] == 1 / 64
    assert scales["token_embedding"] == scales["final_norm"]["weight"] == VECTOR_RATE
    assert pytest.approx(6e-4) == 0.03 * VECTOR_RATE


def test_bfloat16_changes_logits_a_little_and_keeps_float32_parameters():
    model = TransformerModel(16, 1, TEXT, "bfloat16")
    params = perturbed(model)
    assert {x.dtype for x in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    low = jax.jit(model.logits)(params, inputs_of(TEXT))
    full = jax.jit(TransformerModel(16, 1, TEXT).logits)(params, inputs_of(TEXT))
    assert low.dtype == jnp.float32
    difference = np.abs(low - full).max()
    assert 0 < difference < 0.1 * np.abs(full).max()


def test_the_family_lists_widths_by_depths():
    family = NetworkFamily(Transformer(widths=(16, 32), depths=(1, 3), seeds=2), TransformerModel)
    assert family.sizes() == (
        Size.of(width=16, depth=1),
        Size.of(width=32, depth=1),
        Size.of(width=16, depth=3),
        Size.of(width=32, depth=3),
    )
    assert family.model(Size.of(width=16, depth=3), TEXT, "float32", "cpu") == TransformerModel(
        16, 3, TEXT
    )


def test_heads_have_the_largest_size_up_to_32_that_divides_the_width():
    sizes = {4: 4, 12: 12, 31: 31, 32: 32, 34: 17, 48: 24, 64: 32, 80: 20, 96: 32, 100: 25}
    assert {width: head_size(width) for width in sizes} == sizes
    assert Transformer(widths=tuple(sizes)).widths == tuple(sizes)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"widths": (37,)}, "widths: 37 is divisible by no head size from 16 to 32; take 36 or 38"),
        ({"widths": (0,)}, "widths: must be positive, got 0"),
        ({"widths": (-16, 16)}, "widths: must be positive, got -16"),
        ({"depths": (1, 1)}, "depths: each value once, got [1, 1]"),
        ({"seeds": 0}, "seeds: input should be greater than or equal to 1, got 0"),
        ({"width": (16,)}, "unknown key 'width'; did you mean 'widths'?"),
    ],
)
def test_impossible_families_are_refused_in_one_line(arguments, sentence):
    with pytest.raises(ConfigError) as caught:
        Transformer(**arguments)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
