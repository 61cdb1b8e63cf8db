"""The MLP family: its window, padding, counts and costs, and that it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.networks.mlp import Mlp, MlpModel, open_mlp
from epiplexity_jax.families.spec import Size, Task
from tests.unit.families.toys import (
    TASKS,
    TEXT,
    VECTORS,
    count,
    inputs_of,
    logits_of,
    losses,
    perturbed,
)


def seen(task, window):
    """Places of a window that some prediction fills, and whether one reaches before the start."""
    longest = task.target_positions[-1] + 1
    window = longest if window is None else min(window, longest)
    return window, window > task.target_positions[0] + 1


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize(("width", "depth", "window"), [(16, 1, 3), (48, 2, 16), (16, 1, None)])
def test_params_and_flops_are_counted_exactly(task, width, depth, window):
    model = MlpModel(width, depth, task, window=window)
    if task.features is not None:
        first = task.features * width
    else:
        places, padded = seen(task, window)
        size = min(width, 32)
        first = (task.num_input_ids + padded) * size + places * size * width
    expected = first + depth * (8 * width**2 + width) + width + width * task.vocab_size
    assert model.cost.params == count(jax.eval_shape(model.init, jax.random.key(0))) == expected
    share = task.label_tokens / task.total_tokens
    assert model.cost.train_flops_per_token == pytest.approx(6 * expected * share)
    assert model.cost.eval_flops_per_token == pytest.approx(2 * expected * share)


def test_a_label_after_many_inputs_costs_6_n():
    task = Task(2, 100, (False,) * 99 + (True,))
    cost = MlpModel(16, 1, task).cost
    assert cost.train_flops_per_token * 100 == pytest.approx(6 * cost.params)


@pytest.mark.parametrize(
    ("name", "window"),
    [("text", 1), ("text", 4), ("conditional", None), ("scattered", 4), ("translated", 3)],
)
def test_a_prediction_reads_exactly_its_window(name, window):
    """Changing one input changes the predictions whose window holds it, and no other."""
    task = TASKS[name]
    model = MlpModel(16, 2, task, window=window)
    params, inputs = perturbed(model), inputs_of(task, batch=1)
    before = logits_of(model, params, inputs)[0]
    changed = jnp.tile(inputs, (task.input_length, 1))
    changed = (changed + jnp.eye(task.input_length, dtype=jnp.int32)) % task.num_input_ids
    after = logits_of(model, params, changed)  # row i: input i is another token
    moved = np.abs(after - before[None]).max(-1) > 1e-6
    for column, position in enumerate(task.target_positions):
        first = 0 if window is None else max(0, position - window + 1)
        expected = [first <= i <= position for i in range(task.input_length)]
        np.testing.assert_array_equal(moved[:, column], expected)


def test_places_before_the_beginning_hold_an_id_of_their_own():
    """Only predictions whose window reaches there depend on the padding's embedding."""
    model = MlpModel(16, 1, TEXT, window=4)
    params, inputs = perturbed(model), inputs_of(TEXT)
    other = dict(params)
    other["token_embedding"] = params["token_embedding"].at[TEXT.num_input_ids].add(1.0)
    difference = np.abs(logits_of(model, params, inputs) - logits_of(model, other, inputs)).max(
        (0, 2)
    )
    np.testing.assert_array_equal(difference > 1e-6, np.arange(12) < 3)


def test_it_learns_a_function_of_its_window():
    """Token t+1 is the sum of tokens t and t-2: nothing shorter than the window tells it."""
    task = Task(4, 12, (False,) * 3 + (True,) * 9)

    def draw(key):
        tokens = list(jax.random.randint(key, (3, 64), 0, 4))
        while len(tokens) < 12:
            tokens.append((tokens[-1] + tokens[-3]) % 4)
        return jnp.stack(tokens, axis=1)

    long = losses(MlpModel(32, 1, task, window=3), task, draw, steps=300)
    short = losses(MlpModel(32, 1, task, window=2), task, draw, steps=300)
    assert long[0] == pytest.approx(np.log(4), abs=1e-3)
    assert long[-20:].mean() < 0.2
    assert short[-20:].mean() > 1.0


def test_a_vector_is_the_window():
    model = MlpModel(16, 1, VECTORS, window=1)
    assert logits_of(model, perturbed(model), inputs_of(VECTORS)).shape == (3, 1, 4)
    same = MlpModel(16, 1, VECTORS, window=7)
    assert same.cost == model.cost


def test_the_family_hands_its_window_on():
    family = open_mlp(Mlp(widths=(8,), depths=(2,), window=None, learning_rates=(0.1, 0.3)))
    assert family.kind == "mlp"
    assert family.learning_rates == (0.1, 0.3)
    model = family.model(Size.of(width=8, depth=2), TEXT, "float32", "cpu")
    assert model == MlpModel(8, 2, TEXT, window=None) != MlpModel(8, 2, TEXT, window=3)


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="window: input should be greater than or equal to 1"):
        Mlp(window=0)
