"""Training data of a cohort on the devices, in chunks of steps."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool

from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.recorder import RecorderState
from epiplexity_jax.engine.sharding import CohortSharding
from epiplexity_jax.runtime.processes import fetch_global
from epiplexity_jax.sources.spec import Batch

Ends = Bool[np.ndarray, " members"]


class DataFeed:
    """Training data of a cohort in chunks of T steps; the next is drawn while one trains.

    Args:
        job: the cohort.
        members: the members on the devices, padding included.
        place: puts chunks on the devices.
        pool: a pool of one thread, which draws the data.
    """

    def __init__(
        self,
        job: CohortJob,
        members: Sequence[MemberJob],
        place: CohortSharding,
        pool: ThreadPoolExecutor,
    ):
        self.job, self.members, self.place, self.pool = job, members, place, pool
        self.number = -1
        self.chunk: Any = None
        self.coming: Any = None

    def at(self, step: int, count: int) -> tuple[Batch, Any]:
        """The chunk [C, T, B, ...] that holds the next `count` steps, and its first step [C]."""
        del count  # spans of the loop end where chunks do
        number = step // self.job.chunk_steps
        if number != self.number:
            self.chunk = None
            drawn = self.coming.result() if self.coming else self._draw(number)
            self.number, self.chunk = number, drawn
            more = (number + 1) * self.job.chunk_steps < self.job.steps
            self.coming = self.pool.submit(self._draw, number + 1) if more else None
        return self.chunk

    def close(self) -> None:
        """Wait for the draw that is under way, as sources are read by one thread at a time."""
        if self.coming is not None:
            wait([self.coming])  # its chunk is not needed, nor what it may raise
            self.coming = None

    def ends(self, states: Any, stop: int) -> Ends:
        """True for members that come to their end with iteration `stop`."""
        return np.full(len(self.members), stop == self.job.steps)

    def _draw(self, number: int) -> tuple[Batch, Any]:
        return self.drawn([number * self.job.chunk_steps] * len(self.members))

    def drawn(self, firsts: Sequence[int]) -> tuple[Batch, Any]:
        """Draw a chunk that begins at a step of each member's own; returns it and those steps."""
        job, length = self.job, self.job.chunk_steps
        held, rows = self.place.holds(len(self.members)), self.place.rows(job.batch_size)
        drawn: dict[int, Batch] = {
            i: self.members[i].stream.chunk(first, min(length, job.steps - first), length, rows)
            for i, first in enumerate(firsts)
            if held[i]
        }
        parts = list(drawn.values())
        if not all(held):  # members that another process holds are drawn there
            nothing = jax.tree.map(np.zeros_like, parts[0])
            parts = [drawn.get(i, nothing) for i in range(len(self.members))]
        on_host = all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(parts))
        stack = np.stack if on_host else jnp.stack
        chunk = jax.tree.map(lambda *leaves: stack(leaves), *parts)
        return self.place.sequences(chunk), self.place(np.array(firsts, np.int32))


class WaitingDataFeed(DataFeed):
    """Chunks of members that may wait, each at a place of its own in its stream."""

    def __init__(self, *args: Any):
        super().__init__(*args)
        going_on = [member.resume for member in self.members if member.resume is not None]
        steps = [state.step for state, _ in going_on]
        ended = [isinstance(r, RecorderState) and r.values["ended"] for _, r in going_on]
        self.learnt = np.array(steps or [0] * len(self.members), int)
        self.ended = np.array(ended or [False] * len(self.members))
        self.firsts = self.learnt

    def at(self, step: int, count: int) -> tuple[Batch, Any]:
        """The chunk that holds the next `count` batches of every member, wherever it is."""
        wanted = np.minimum(self.learnt + count, self.job.steps)
        if self.chunk is None or (wanted > self.firsts + self.job.chunk_steps).any():
            self.chunk = None
            self.firsts = np.minimum(self.learnt, self.job.steps - 1)
            self.chunk = self.drawn(self.firsts.tolist())
        return self.chunk

    def ends(self, states: Any, stop: int) -> Ends:
        """See `DataFeed.ends`; waits for the devices."""
        self.learnt = fetch_global(states.step).astype(int)
        done = (self.learnt >= self.job.steps) | (stop == self.job.iterations)
        ends = done & ~self.ended
        self.ended |= done
        return ends
