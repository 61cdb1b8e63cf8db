"""Where arrays of a cohort lie, on two devices of a CPU."""

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from epiplexity_jax.engine import sharding
from epiplexity_jax.engine.sharding import CohortSharding, lies_over, member_mesh


@pytest.mark.parametrize(("data", "shape"), [(1, (2, 1)), (2, (1, 2))])
def test_a_mesh_divides_devices_between_members_and_batches(data, shape):
    mesh = member_mesh(jax.devices()[:2], data)
    assert mesh.axis_names == ("member", "data")
    assert mesh.devices.shape == shape


def shard_of(placed):
    return placed.addressable_shards[0].data.shape


def test_members_or_sequences_lie_apart_and_eval_batches_are_shared():
    chunk, batches = np.zeros((2, 3, 4, 5)), np.zeros((1, 4, 5))
    apart = CohortSharding(member_mesh(jax.devices()[:2]))
    assert shard_of(apart.sequences(chunk)) == (1, 3, 4, 5)
    assert shard_of(apart.shared(batches)) == (1, 4, 5)
    assert shard_of(apart(np.zeros(2))) == (1,)
    together = CohortSharding(member_mesh(jax.devices()[:2], data=2))
    assert shard_of(together.sequences(chunk)) == (2, 3, 2, 5)
    assert shard_of(together.shared(batches)) == (1, 2, 5)
    assert shard_of(together(np.zeros(2))) == (2,)
    odd = np.zeros((2, 3, 5, 5))
    assert shard_of(together.sequences(odd)) == odd.shape


def test_large_arrays_of_states_are_divided_where_that_is_asked_for():
    mesh = member_mesh(jax.devices()[:2], data=2)
    state = {"large": np.zeros((1, 30, 64)), "small": np.zeros((1, 8)), "odd": np.zeros((1, 1025))}
    shards = jax.tree.map(shard_of, CohortSharding(mesh, shard_state=True).states(state))
    assert shards == {"large": (1, 30, 32), "small": (1, 8), "odd": (1, 1025)}
    whole = jax.tree.map(shard_of, CohortSharding(mesh).states(state))
    assert whole == {name: leaf.shape for name, leaf in state.items()}
    one = jax.tree.map(lambda x: x[0], state)
    placed = CohortSharding(mesh, shard_state=True).state_shardings(one)
    assert placed["large"].spec == PartitionSpec("member", None, "data")
    assert lies_over((30, 64), 2)
    assert not lies_over((30, 64), 1)
    assert not lies_over((8,), 2)


def test_the_only_process_holds_all_members_and_sequences():
    place = CohortSharding(member_mesh(jax.devices()[:2], data=2))
    assert place.holds(3) == [True] * 3
    assert place.rows(8) == slice(0, 8)


def test_nothing_is_constrained_outside_of_a_cohort_s_program():
    tree = {"x": np.zeros((4, 2000))}
    assert sharding.data_devices() == 1
    assert sharding.over_data(tree)["x"] is tree["x"]
    assert sharding.shard_large(tree)["x"] is tree["x"]
