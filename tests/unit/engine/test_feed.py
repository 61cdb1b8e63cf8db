"""Chunks of a cohort: where they begin, and what is drawn ahead."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from epiplexity_jax.engine.feed import DataFeed, WaitingDataFeed
from epiplexity_jax.engine.sharding import CohortSharding
from epiplexity_jax.engine.state import initial_state
from epiplexity_jax.engine.stream import Stream
from tests.unit.engine.jobs import job_of, mesh_of
from tests.unit.engine.toys import cycle


def test_chunks_begin_where_they_are_asked_for_and_the_next_is_drawn_ahead():
    job = job_of(cycle(), [0, 1], steps=100)
    with ThreadPoolExecutor(1) as pool:
        feed = DataFeed(job, job.members, CohortSharding(mesh_of(1)), pool)
        for step, first in ((0, 0), (30, 0), (64, 64), (99, 64)):
            chunk, firsts = feed.at(step, 1)
            assert firsts.tolist() == [first, first]
            assert chunk.shape == (2, 64, 8, 16)
        for i, member in enumerate(job.members):
            expected = member.stream.chunk(64, 36, 64)
            np.testing.assert_array_equal(chunk[i, :36], expected[:36])
        assert feed.coming is None  # the last one
        assert feed.ends(None, 99).tolist() == [False, False]
        assert feed.ends(None, 100).tolist() == [True, True]


def test_members_that_wait_have_chunks_of_their_own_and_end_once():
    job = replace(job_of(cycle(), [0, 1], steps=100), max_iterations=400)
    hyper = job.members[0].hyper._replace(max_kl=0.1)
    job = replace(job, members=tuple(replace(m, hyper=hyper) for m in job.members))
    state = initial_state({"w": jnp.zeros(2)})
    states = jax.tree.map(lambda x: jnp.stack([x, x]), state)
    with ThreadPoolExecutor(1) as pool:
        feed = WaitingDataFeed(job, job.members, CohortSharding(mesh_of(1)), pool)
        assert feed.at(0, 5)[1].tolist() == [0, 0]
        assert not feed.ends(states.replace(step=jnp.array([62, 40])), 70).any()
        assert feed.at(70, 2)[1].tolist() == [0, 0]  # both are still in their chunks
        chunk, firsts = feed.at(70, 3)
        assert firsts.tolist() == [62, 40]
        expected = job.members[0].stream.chunk(62, 38, 64)
        np.testing.assert_array_equal(chunk[0, :38], expected[:38])
        states = states.replace(step=jnp.array([100, 70]))
        assert feed.ends(states, 150).tolist() == [True, False]
        assert feed.ends(states, 399).tolist() == [False, False]
        assert feed.ends(states, 400).tolist() == [False, True]


def test_nothing_is_drawn_any_more_once_a_feed_is_closed():
    job, going_on, drawn = job_of(cycle(), range(1), steps=200), threading.Event(), []

    class Slow(Stream):
        def chunk(self, first, *arguments):
            if first:
                going_on.wait(60)
            drawn.append(first)
            return super().chunk(first, *arguments)

    stream = Slow(**vars(job.members[0].stream))
    members = (replace(job.members[0], stream=stream),)
    with ThreadPoolExecutor(1) as pool:
        feed = DataFeed(job, members, CohortSharding(mesh_of(1)), pool)
        feed.at(0, 1)
        threading.Timer(0.2, going_on.set).start()
        feed.close()
        assert drawn == [0, job.chunk_steps]
        assert feed.coming is None
