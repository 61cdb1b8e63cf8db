"""Tasks, inputs and training for the tests of the families of networks."""

import jax
import numpy as np

from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.state import Hyperparameters, initial_state
from epiplexity_jax.engine.step import train_step
from epiplexity_jax.families.networks.mlp import MlpModel
from epiplexity_jax.families.networks.recurrent import RecurrentModel
from epiplexity_jax.families.networks.transformer import TransformerModel
from epiplexity_jax.families.spec import Task

MODELS = {"transformer": TransformerModel, "recurrent": RecurrentModel, "mlp": MlpModel}
TEXT = Task(11, 12, (True,) * 12)
CONDITIONAL = Task(2, 12, (False,) * 6 + (True,) * 6)
SCATTERED = Task(5, 12, tuple(i % 3 == 2 for i in range(12)))
TRANSLATED = Task(3, 12, (False,) * 6 + (True,) * 6, input_vocab_size=9)
VECTORS = Task(4, 2, (False, True), features=5)
TASKS = {
    "text": TEXT,
    "conditional": CONDITIONAL,
    "scattered": SCATTERED,
    "translated": TRANSLATED,
    "vectors": VECTORS,
}


def inputs_of(task, batch=3, seed=0):
    key = jax.random.key(seed)
    if task.features is not None:
        return jax.random.normal(key, (batch, task.features))
    return jax.random.randint(key, (batch, task.input_length), 0, task.num_input_ids)


def perturbed(model, seed=1):
    """Parameters without the zeros of the initialisation, so that every path carries something."""
    params = jax.jit(model.init)(jax.random.key(0))
    leaves, tree = jax.tree.flatten(params)
    noise = np.random.default_rng(seed)
    moved = [x + np.float32(0.3) * noise.standard_normal(x.shape, np.float32) for x in leaves]
    return jax.tree.unflatten(tree, moved)


def count(params):
    return sum(x.size for x in jax.tree.leaves(params))


def logits_of(model, params, inputs):
    return jax.jit(model.logits)(params, inputs)


def losses(model, task, draw, steps, rate=0.03):
    """Mean loss (nats per label token) of each training step on fresh batches of 64."""
    hyper = Hyperparameters(rate, 20, Window(50, 1.0))

    def step(state, key):
        return train_step(model, state, draw(key), hyper)

    state = initial_state(jax.jit(model.init)(jax.random.key(0)))
    keys = jax.random.split(jax.random.key(3), steps)
    _, info = jax.jit(lambda state, keys: jax.lax.scan(step, state, keys))(state, keys)
    return np.asarray(info.loss_sum) / (64 * task.label_tokens)
