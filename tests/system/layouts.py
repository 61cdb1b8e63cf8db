"""Trains one cohort on the devices of this process, laid out as asked, and says what came of it.

Run: python -m tests.system.layouts DATA SPREADS MOVES RESULT.npz, with JAX_NUM_CPU_DEVICES in the
environment, and NPROC large (see `devices.spare_threads`). DATA devices share a batch;
SPREADS is 1 where they share the state as well, MOVES where the cohort is trained once more: on all
of the devices, then on one of them, then on all again.
"""

import contextlib
import sys

import jax
import numpy as np

from epiplexity_jax.engine import sharding
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.programs import ProgramKey, compile_programs
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.engine.stream import Stream, heldout_tokens
from epiplexity_jax.engine.train_cohort import set_up, train_cohort
from epiplexity_jax.estimators.requential import RequentialMethod
from epiplexity_jax.families.networks.transformer import TransformerModel
from epiplexity_jax.families.sampling import sample
from tests.unit.engine.toys import cycle, task_of

BATCH, STEPS, MEMBERS, ROOT = 16, 30, 2, 3
SOURCE = cycle(mask=[False] * 8 + [True] * 8)
MODEL = TransformerModel(16, 1, task_of(SOURCE))


class CheckpointHook:
    """Keeps a cohort behind an iteration, and ends it."""

    def __init__(self, at):
        self.at, self.kept = at, None

    def due(self):
        return True

    def keep(self, iteration, states, records):
        if iteration >= self.at:
            host = jax.tree.map(lambda x: np.asarray(x)[:MEMBERS], states)
            self.kept = iteration, host, records
            raise Interrupted


def job_of(spreads, kept=None):
    layout = heldout_layout(128, BATCH)
    heldout = heldout_tokens(SOURCE, None, ROOT, layout.sequences)
    heldout = heldout.reshape(layout.eval_batches, layout.eval_batch_size, -1)
    start, states, records = kept or (0, None, None)
    members = tuple(
        MemberJob(
            root=ROOT,
            seed=seed,
            stream=Stream(SOURCE, None, ROOT, seed, BATCH),
            heldout=heldout,
            hyper=Hyperparameters(0.1, 5, Window(5, 1.0)),
            resume=kept and (jax.tree.map(lambda x, i=seed: x[i], states), records[seed]),
        )
        for seed in range(MEMBERS)
    )
    program = ProgramKey(MODEL, RequentialMethod(), 4, spreads)
    return CohortJob(program, BATCH, STEPS, layout, members, start)


def drawn(place, block):
    """What the untrained weights of a member of its own draw, sequences lying on many devices."""
    params = jax.tree.map(lambda x: x + 0.1, jax.jit(MODEL.init)(jax.random.key(5)))
    one = jax.shard_map(
        lambda b: sample(MODEL, params, sharding.over_data(b[0, 0]), jax.random.key(6)),
        mesh=place.mesh,
        in_specs=jax.sharding.PartitionSpec(sharding.MEMBER),
        out_specs=jax.sharding.PartitionSpec(),
        axis_names={sharding.MEMBER},
        check_vma=False,
    )
    return jax.jit(one)(block)[0]


def flops(job, mesh, ready, block):
    """What the compiled loop does on one device, in one iteration of every loop."""
    first, steps = ready.place(np.zeros(len(ready.members), np.int32)), np.int32(STEPS)
    lowered = compile_programs(job.program, mesh).advance.lower(
        ready.states, ready.hyper, block, first, steps, steps
    )
    return lowered.compile().cost_analysis()["flops"]


def moved(spreads, mesh):
    """What a cohort comes to that goes to one device and back; every bit of its state goes too."""
    kept, members = None, []
    one = sharding.member_mesh(jax.devices()[:1])
    for where, until in ((mesh, 8), (one, 16), (mesh, STEPS + 1)):
        job, keeper = job_of(spreads and where is mesh, kept), CheckpointHook(until)
        if kept:
            placed = jax.tree.map(lambda x: np.asarray(x)[:MEMBERS], set_up(job, where).states)
            jax.tree.map(np.testing.assert_array_equal, placed, kept[1])
        with contextlib.suppress(Interrupted):
            members = train_cohort(job, where, hook=keeper)
        kept = keeper.kept
    return members


def main():
    data, spreads, moves = int(sys.argv[1]), sys.argv[2] == "1", sys.argv[3] == "1"
    job = job_of(spreads)
    mesh = sharding.member_mesh(data=data)
    ready = set_up(job, mesh)
    # As long as those of training, whose compiled loop `flops` then asks for.
    block = [np.asarray(m.stream.chunk(0, STEPS, job.chunk_steps)) for m in ready.members]
    block = ready.place.sequences(np.stack(block))
    leaves = jax.tree.leaves(ready.states)
    found = {
        "data": np.asarray(block)[:MEMBERS],
        "samples": np.asarray(drawn(ready.place, block)),
        "flops_of_one_device": flops(job, mesh, ready, block),
        "on_one_device": sum(leaf.addressable_shards[0].data.nbytes for leaf in leaves),
        "first_weights": np.concatenate([np.asarray(x)[:MEMBERS].ravel() for x in leaves]),
    }
    ways = {"": train_cohort(job, mesh)}
    if moves:
        ways["moved/"] = moved(spreads, mesh)
    for way, members in ways.items():
        for i, member in enumerate(members):
            found |= {f"{way}{i}/{name}": column for name, column in member.history.items()}
    np.savez(sys.argv[4], **found)


if __name__ == "__main__":
    main()
