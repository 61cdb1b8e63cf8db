"""States of members, and the dtypes of their hyperparameters."""

import jax
import jax.numpy as jnp
import numpy as np

from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.state import Hyperparameters, initial_state


def test_hyperparameters_of_a_cohort_have_the_dtypes_of_its_programs():
    own = Hyperparameters(1, 6, Window(11, 1, 2), Window(7), 2)
    stacked = Hyperparameters.stack([Hyperparameters(0.1, 5, Window(10)), own])
    real, whole = np.float32, np.int32
    kinds = [real, whole, *2 * [whole, real, whole], real]
    assert [leaf.dtype for leaf in jax.tree.leaves(stacked)] == kinds
    assert stacked.ema.steps.tolist() == [10, 11]
    assert stacked.student_ema.steps.tolist() == [10, 7]  # the teacher's where none is given
    assert own.of_student.ema == Window(7)
    assert stacked.warmup_steps.tolist() == [5, 6]
    assert stacked.max_kl.tolist() == [np.inf, 2.0]


def test_an_untrained_member_is_active_and_its_average_is_a_copy():
    params = {"w": jnp.ones(3)}
    state = initial_state(params)
    assert state.active
    assert state.step == 0
    assert state.ema["w"] is not params["w"]  # buffers are donated
    np.testing.assert_array_equal(state.ema["w"], params["w"])
    ema, raw = state.weights
    assert ema is state.ema
    assert raw is state.params


def test_members_become_inactive_where_they_are_asked_to_and_never_active():
    state = jax.tree.map(lambda x: jnp.stack([x] * 3), initial_state({"w": jnp.ones(3)}))
    some = state.deactivate(np.array([False, True, False]))
    assert some.active.tolist() == [True, False, True]
    assert some.deactivate(np.array([True, False, False])).active.tolist() == [False, False, True]
