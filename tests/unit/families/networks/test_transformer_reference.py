"""The transformer against one written down plainly: every position, every matrix on three axes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.engine.step import loss_gradient, sequence_losses, shift
from epiplexity_jax.families.networks import attention as attention_module
from epiplexity_jax.families.networks.transformer import TransformerModel
from epiplexity_jax.families.spec import Task
from tests.unit.families.toys import perturbed

TASKS = {
    "text": Task(7, 12, (True,) * 12),
    "conditional": Task(2, 12, (False,) * 6 + (True,) * 6),
    "scattered": Task(5, 12, (False, True, False) * 4),
}


def norm(x, weight):
    mean = x.mean(-1, keepdims=True)
    weight = jnp.broadcast_to(weight.reshape((1,) * (x.ndim - 1) + (-1,)), x.shape)
    return weight * (x - mean) / jnp.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5)


def attention(p, x):
    batch, length, width = x.shape
    size = 24 if width == 48 else min(32, width)
    split = lambda y: y.reshape(batch, length, width // size, size)  # noqa: E731
    q = norm(split(jnp.einsum("bld,de->ble", x, p["query"]["kernel"])), p["query_norm"]["weight"])
    both = jnp.einsum("bld,de->ble", x, p["key_value"]["kernel"])
    k = norm(split(both[..., :width]), p["key_norm"]["weight"])
    v = split(both[..., width:])
    logits = 8.0 * jnp.einsum("bqhk,blhk->bhql", q, k) / size
    past = jnp.tril(jnp.ones((length, length), bool))[None, None]
    weights = jnp.where(past, jnp.exp(jnp.where(past, logits, 0.0)), 0.0)
    weights /= weights.sum(-1, keepdims=True)
    mixed = jnp.einsum("bhql,blhk->bqhk", weights, v).reshape(x.shape)
    return jnp.einsum("bld,de->ble", mixed, p["output"]["kernel"])


def reference(params, inputs, task, depth):
    """Logits at every position, of which those that are paid for are then taken."""
    x = params["token_embedding"][inputs] + params["position_embedding"][None]
    for i in range(depth):
        p = params[f"block_{i}"]
        x = x + attention(p["attention"], norm(x, p["attention_norm"]["weight"])) / depth
        y = jnp.einsum("bld,de->ble", norm(x, p["mlp_norm"]["weight"]), p["up"]["kernel"])
        y = y * (1 + jax.scipy.special.erf(y / np.sqrt(2))) / 2
        x = x + jnp.einsum("ble,ed->bld", y, p["down"]["kernel"]) / depth
    x = norm(x, params["final_norm"]["weight"])
    logits = jnp.einsum("bld,dv->blv", x, params["readout"]["kernel"])
    return logits[:, np.asarray(task.target_positions)]


@pytest.mark.parametrize(
    ("width", "depth", "microbatch", "queries"),
    [(16, 1, None, 64), (64, 2, 3, 3), (48, 1, None, 64)],
)
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_losses_and_gradients_are_those_of_the_plain_one(
    task, width, depth, microbatch, queries, monkeypatch
):
    """Whole and in parts: of the batch, and of the queries (2 to 4 for these tasks)."""
    monkeypatch.setattr(attention_module, "QUERIES", queries)
    model = TransformerModel(width, depth, task)
    params = perturbed(model)
    batch = jax.random.randint(jax.random.key(3), (6, task.length), 0, task.vocab_size)

    @jax.jit
    @jax.value_and_grad
    def plain(params):
        inputs, labels = shift(batch, task)
        log_p = jax.nn.log_softmax(reference(params, inputs, task, depth))
        chosen = jnp.take_along_axis(log_p, labels[..., None], -1)
        return -chosen.sum() / (6 * task.label_tokens)

    ours = jax.jit(lambda p: loss_gradient(model, p, batch, microbatch))
    expected_loss, expected = plain(params)
    losses, found = ours(params)
    assert float(losses.sum()) == pytest.approx(6 * task.label_tokens * float(expected_loss), 1e-5)
    np.testing.assert_allclose(
        jax.jit(lambda p: sequence_losses(model, p, batch))(params), losses, rtol=1e-4
    )
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(expected))
    assert largest > 1e-3
    for path, leaf in jax.tree_util.tree_leaves_with_path(found):
        wanted = expected
        for step in path:
            wanted = wanted[step.key]
        assert jnp.abs(wanted).max() > 1e-4 * largest, path  # every leaf has a gradient to compare
        np.testing.assert_allclose(leaf, wanted, rtol=2e-3, atol=2e-5 * largest, err_msg=str(path))
