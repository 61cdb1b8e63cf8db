"""Training data of a cohort on the devices, in blocks of steps."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.recorder import RecorderState
from epiplexity_jax.engine.sharding import CohortSharding
from epiplexity_jax.runtime.processes import fetch_global
from epiplexity_jax.sources.spec import Batch


class DataFeed:
    """Training data of the cohort in blocks of T steps, the next one drawn while one trains."""

    def __init__(
        self,
        job: CohortJob,
        members: Sequence[MemberJob],
        place: CohortSharding,
        pool: ThreadPoolExecutor,
    ):
        self.job, self.members, self.place, self.pool = job, members, place, pool
        self.number = -1
        self.block: Any = None
        self.coming: Any = None

    def at(self, step: int, count: int) -> tuple[Batch, Any]:
        """The block [C, T, B, ...] that holds the next `count` steps, and its first step [C]."""
        del count  # intervals end where blocks do
        number = step // self.job.block_steps
        if number != self.number:
            self.block = None
            drawn = self.coming.result() if self.coming else self._draw(number)
            self.number, self.block = number, drawn
            more = (number + 1) * self.job.block_steps < self.job.steps
            self.coming = self.pool.submit(self._draw, number + 1) if more else None
        return self.block

    def ends(self, states: Any, stop: int) -> np.ndarray:
        """[C] bool, which members have come to their end with iteration `stop`."""
        del states
        return np.full(len(self.members), stop == self.job.steps)

    def _draw(self, number: int) -> tuple[Batch, Any]:
        return self.drawn([number * self.job.block_steps] * len(self.members))

    def drawn(self, firsts: Sequence[int]) -> tuple[Batch, Any]:
        """A block that begins at a step of each member's own, and those steps."""
        job, length = self.job, self.job.block_steps
        held, rows = self.place.holds(len(self.members)), self.place.rows(job.batch_size)
        drawn: dict[int, Batch] = {
            i: self.members[i].stream.block(first, min(length, job.steps - first), length, rows)
            for i, first in enumerate(firsts)
            if held[i]
        }
        parts = list(drawn.values())
        if not all(held):  # members that another process holds are drawn there
            nothing = jax.tree.map(np.zeros_like, parts[0])
            parts = [drawn.get(i, nothing) for i in range(len(self.members))]
        on_host = all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(parts))
        stack = np.stack if on_host else jnp.stack
        block = jax.tree.map(lambda *leaves: stack(leaves), *parts)
        return self.place.sequences(block, 2), self.place(np.array(firsts, np.int32))


class WaitingDataFeed(DataFeed):
    """Blocks of members that may wait, each at a place of its own in its stream."""

    def __init__(self, *args: Any):
        super().__init__(*args)
        going_on = [member.resume for member in self.members if member.resume is not None]
        steps = [self.job.method.data_steps(state) for state, _ in going_on]
        ended = [isinstance(r, RecorderState) and r.values["ended"] for _, r in going_on]
        self.learnt = np.array(steps or [0] * len(self.members), int)
        self.ended = np.array(ended or [False] * len(self.members))
        self.firsts = self.learnt

    def at(self, step: int, count: int) -> tuple[Batch, Any]:
        """A block that holds the next `count` batches of every member, wherever it is."""
        del step
        wanted = np.minimum(self.learnt + count, self.job.steps)
        if self.block is None or (wanted > self.firsts + self.job.block_steps).any():
            self.block = None
            self.firsts = np.minimum(self.learnt, self.job.steps - 1)
            self.block = self.drawn(self.firsts.tolist())
        return self.block

    def ends(self, states: Any, stop: int) -> np.ndarray:
        """See `Blocks.ends`; waits for the devices."""
        self.learnt = fetch_global(self.job.method.data_steps(states)).astype(int)
        done = (self.learnt >= self.job.steps) | (stop == self.job.iterations)
        ends = done & ~self.ended
        self.ended |= done
        return ends
