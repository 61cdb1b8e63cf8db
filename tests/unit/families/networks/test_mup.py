"""The muP parametrisation: rates by fan-in, and activations that move alike at every width."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.state import Hyperparameters, initial_state
from epiplexity_jax.engine.step import train_step
from epiplexity_jax.families.networks.mup import VECTOR_RATE
from epiplexity_jax.families.spec import Task
from tests.unit.families.toys import MODELS, TASKS

each_model = pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)


@each_model
def test_learning_rates_follow_fan_in(build):
    model = build(32, 1, TASKS["text"])
    params = jax.eval_shape(model.init, jax.random.key(0))
    scales = jax.tree_util.tree_leaves_with_path(model.rate_scales(params))
    shapes = dict(jax.tree_util.tree_leaves_with_path(params))
    for path, scale in scales:
        kernel = path[-1].key == "kernel"
        assert scale == (1 / shapes[path].shape[0] if kernel else VECTOR_RATE), path
    assert params["token_embedding"].shape[0] >= TASKS["text"].num_input_ids


def changes(build, width):
    """Root mean square change of every activation over ten steps of training."""
    task = Task(8, 17, (False,) + (True,) * 16)
    model = build(width, 2, task)
    start = jax.random.randint(jax.random.key(1), (8, 1), 0, 8)
    batch = (start + jnp.arange(17)[None] * (1 + start % 2)) % 8

    @jax.jit
    def activations(params):
        variables = {"params": params}
        return model.network.apply(
            variables, batch[:, :-1], capture_intermediates=True, mutable=["intermediates"]
        )[1]

    state = initial_state(jax.jit(model.init)(jax.random.key(0)))
    before = activations(state.params)
    step = jax.jit(
        lambda s: train_step(model, s, batch, Hyperparameters(0.03, 5, Window(50, 1.0)))[0]
    )
    for _ in range(10):
        state = step(state)
    change = jax.tree.map(
        lambda a, b: np.sqrt(np.mean((np.asarray(a) - np.asarray(b)) ** 2)),
        before,
        activations(state.params),
    )
    return {
        jax.tree_util.keystr(path): value
        for path, value in jax.tree_util.tree_leaves_with_path(change)
    }


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(build, id=name, marks=() if name == "transformer" else pytest.mark.slow)
        for name, build in MODELS.items()
    ],
)
def test_activations_move_alike_at_every_width(build):
    """The coordinate check of muP: changes that grew or shrank with width would not be flat."""
    at = [changes(build, width) for width in (32, 128, 512)]
    assert len(at[0]) > 10
    for name in at[0]:
        values = [change[name] for change in at]
        assert max(values) < 1.5 * min(values), (name, values)
