"""Train a cohort: members of equal shapes, side by side, from one record point to the next."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float32

from epiplexity_jax.base.keys import key
from epiplexity_jax.coding import record_points
from epiplexity_jax.engine.checkpoint_hook import CheckpointHook
from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.dispatch import DispatchThrottle
from epiplexity_jax.engine.feed import DataFeed, WaitingDataFeed
from epiplexity_jax.engine.programs import (
    Programs,
    blocking,
    compile_programs,
    forget_programs,
)
from epiplexity_jax.engine.recorder import Records
from epiplexity_jax.engine.results import CohortResults, MemberResult, Report, Track
from epiplexity_jax.engine.sharding import DATA, MEMBER, CohortSharding
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.runtime.devices import near_map_count_limit
from epiplexity_jax.runtime.processes import fetch_global, warm_up_collectives
from epiplexity_jax.sources.spec import Batch

_LAG = 2  # record points whose results may still be on their way while the devices go on


class EvalBatches:
    """Held-out sets of a cohort's sources on its devices, while they are used.

    Members of a source share one copy. The first eval batch stays, as all early record points score
    it; the others are put there one at a time.

    Attributes:
        source: [C] int32 on the devices, the number of each member's source.
        first: [K, S, ...], the first eval batch of every source.
    """

    def __init__(self, members: Sequence[MemberJob], place: CohortSharding):
        self._sets = list({id(member.heldout): member.heldout for member in members}.values())
        numbers = {id(heldout): i for i, heldout in enumerate(self._sets)}
        self._place = place
        self.source = place(np.array([numbers[id(m.heldout)] for m in members], np.int32))
        self.first = self.put(0)

    def put(self, number: int) -> Batch:
        """Put an eval batch of every source on the devices: [K, S, ...]."""
        stacked = jax.tree.map(lambda *sets: np.stack([s[number] for s in sets]), *self._sets)
        return self._place.shared(stacked)


class PlacedCohort(NamedTuple):
    """A cohort on its devices, before it trains.

    Attributes:
        members: C of them, padded to a multiple of the devices.
        programs: compiled at their first call.
        place: puts arrays on the devices where the programs need them.
        hyper: hyperparameters, [C].
        heldout: its held-out sets, by source.
        states: states of all members; those of padding are inactive.
    """

    members: Sequence[MemberJob]
    programs: Programs
    place: CohortSharding
    hyper: Hyperparameters
    heldout: EvalBatches
    states: Any


def set_up(job: CohortJob, mesh: Mesh) -> PlacedCohort:
    """Put a cohort on its devices; padding members are inactive from the start."""
    warm_up_collectives(mesh)
    padding = -len(job.members) % mesh.shape[MEMBER]
    members = job.members + (job.members[-1],) * padding
    if near_map_count_limit():
        forget_programs()
    programs = compile_programs(job.program, mesh)
    shares = mesh.shape[DATA] > 1 or jax.process_count() > 1
    if shares and mesh.devices.flat[0].platform == "cpu":
        programs = blocking(programs)
    place = CohortSharding(mesh, job.program.shard_state)
    return PlacedCohort(
        members=members,
        programs=programs,
        place=place,
        hyper=place(Hyperparameters.stack([m.hyper for m in members])),
        heldout=EvalBatches(members, place),
        states=_initial_states(job, programs.init, members, place),
    )


def train_cohort(
    job: CohortJob,
    mesh: Mesh,
    report: Report | None = None,
    hook: CheckpointHook | None = None,
    track: Track | None = None,
) -> list[MemberResult]:
    """Train every member to `job.steps`, recording on the absolute grid of record points.

    The devices always have their next span of the loop: data of the next chunk is drawn in a
    thread, results are fetched while later steps run. A member whose loss is not finite becomes
    inactive while the others go on, and its result says so.

    Args:
        job: the cohort.
        mesh: see `sharding.member_mesh`; inactive members pad the cohort to its `member` axis.
        report: called with member-steps newly finished and each member's last loss (nats per
            label token).
        hook: asked between spans of the loop whether the cohort is to be checkpointed.
        track: called with a member's number and each of its record points (columns of a history).

    Returns:
        One result a member, in order.

    Raises:
        Interrupted: when the hook raises it.
    """
    members, programs, place, hyper, heldout, states = set_up(job, mesh)
    grid = record_points(job.iterations)
    results = CohortResults(job, grid, report, track)
    steps, throttle = np.int32(job.steps), DispatchThrottle()

    def score(numbers: Iterable[int]) -> list[Float32[Array, "members sets sequences"]]:
        batches = (heldout.first if n == 0 else heldout.put(n) for n in numbers)
        return [programs.evaluate(states, batch, heldout.source) for batch in batches]

    with ThreadPoolExecutor(1, "chunks") as pool:
        feed = (WaitingDataFeed if job.gated else DataFeed)(job, members, place, pool)
        if job.start == 0:
            results.add_record(0, score([0]), True, np.zeros(len(members), bool))
        for start, stop, record in _spans(job, grid, throttle):
            chunk, first = feed.at(start, stop - start)
            count = np.int32(stop - start)
            states, info = programs.advance(states, hyper, chunk, first, count, steps)
            results.add_steps(stop - start, info)
            throttle.give(info, stop - start)
            ends = feed.ends(states, stop)
            if record or ends.any():
                wanted = job.layout.scored(stop, job.batch_size, bool(ends.any()))
                results.add_record(stop, score(wanted), record, ends)
            if not results.fetch(lag=0 if job.gated else _LAG):
                break
            if hook is not None and hook.due():
                results.fetch(lag=0)
                hook.keep(stop, states, results.saved())
        feed.close()
        results.fetch(lag=0)
        if job.exact and results.any_finished:
            _rescore(job, DataFeed(job, members, place, pool), programs, states, results, hook)
    return results.finish(fetch_global(states))


def _rescore(
    job: CohortJob,
    feed: DataFeed,
    programs: Programs,
    states: Any,
    results: CohortResults,
    hook: CheckpointHook | None,
) -> None:
    """Score the training stream again with the final models, chunk by chunk.

    A checkpoint written meanwhile holds the end of training, from where all of it is scored anew.
    """
    trained = results.saved()
    for start in range(0, job.steps, job.chunk_steps):
        count = min(job.chunk_steps, job.steps - start)
        chunk, _ = feed.at(start, count)
        found = programs.rescore(states, chunk, np.int32(0), np.int32(count))
        results.add_exact(*(np.asarray(a)[:, :, :count] for a in found))
        if hook is not None and hook.due():
            hook.keep(job.iterations, states, trained)


def _initial_states(
    job: CohortJob, init: Callable[..., Any], members: Sequence[MemberJob], place: CohortSharding
) -> Any:
    padding = np.arange(len(members)) >= len(job.members)  # inactive from the start
    resumed = [m.resume[0] for m in members if m.resume is not None]
    if resumed:
        states = jax.tree.map(lambda *leaves: np.stack(leaves), *resumed)
        return place.states(jax.device_get(states.deactivate(padding)))
    keys = (  # the same for every source, so that seeds pair
        np.stack([np.asarray(jax.random.key_data(key(m.root, name, m.seed))) for m in members])
        for name in ("init", "samples")
    )
    return init(*map(place, (*keys, padding)))


def _spans(
    job: CohortJob, grid: Records, throttle: DispatchThrottle
) -> Iterator[tuple[int, int, bool]]:
    """Cut the iterations at record points, ends of chunks and where the throttle asks for it.

    Yields:
        From, to, and whether a record point is there.
    """
    records = set(grid.tolist())
    start = job.start
    for end in sorted(records | set(range(job.chunk_steps, job.iterations, job.chunk_steps))):
        while start < end:
            stop = min(end, start + throttle.steps)
            yield start, stop, stop in records
            start = stop
