"""Losses by block of a stored run: boundaries, sums and their standard errors."""

import numpy as np

from epiplexity_jax.results import load
from epiplexity_jax.store import Store
from tests.unit.store.stored import make_history, make_row


def test_losses_by_block_have_boundaries_in_label_tokens_and_standard_errors(tmp_path):
    store = Store.open(tmp_path, create=True)
    losses = np.random.default_rng(0).normal(2.0, 1.0, (3, 4))
    history = make_history(2) | {"step": np.array([0, 3])}
    history["online_loss_sum_nats"] = np.array([0.0, losses.sum()])
    stream = {
        "first_step": np.array([1, 2, 3]),
        "last_step": np.array([1, 2, 3]),
        "label_tokens": np.array([128, 256, 384]),
        "online_loss_nats": losses.sum(1),
        "online_loss_groups_nats": losses,
        "component_loss_nats": losses.sum(1, keepdims=True),
        "component_label_tokens": np.full((3, 1), 128),
    }
    store.commit(make_row("a", steps_done=3), history, stream=stream)
    ended = make_row("b", steps_done=0, status="diverged", message="not finite")
    store.commit(ended, {}, stream={name: c[:0] for name, c in stream.items()})
    runs = load(tmp_path)
    found = runs.online_losses("a")
    assert found.label_tokens.tolist() == [0, 128, 256, 384]
    np.testing.assert_array_equal(found.loss_nats, losses.sum(1))
    np.testing.assert_allclose(found.stderr_nats, 2 * losses.std(1, ddof=1))  # sqrt of B = 4
    np.testing.assert_array_equal(found.groups_nats, losses)
    assert found.component_label_tokens.tolist() == [[128]] * 3
    assert (found.sequences, found.data_order) == (4, "fedcba9876543210")
    none = runs.online_losses("b")
    assert none.label_tokens.tolist() == [0]
    assert (none.loss_nats.shape, none.stderr_nats.shape) == ((0,), (0,))
    assert (none.groups_nats.shape, none.components_nats.shape) == ((0, 4), (0, 1))
