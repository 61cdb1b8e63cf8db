"""What does a training step cost, where does its time go, and how far is a plain loop from it?

Run: python benchmarks/steps.py  (about 60 minutes on two cores; `--quick`: 3, and writes nothing)

Rows are kept in runs/steps.jsonl, so a run that was stopped goes on; those of other code are not
used.

Rule 54 on 64 cells, 48 steps after 1000 of burn-in, conditional, batches of 384 in the slices that
the engine chooses. `engine_ms` is a whole call of `train_cohort` for the steps behind step 3000,
data, a record point of 64 sequences and the host included, over the member-steps that all cores
together finish in it; `plain_ms` is a step of a plain loop over all cores: the same model, loss and
optimiser, a jitted step called from Python on a whole batch that NumPy made; `given_ms` is the same
on one batch over and over. All are compiled beforehand and take turns; medians of five, with the
shortest and the longest as shares of it, and nothing is compiled while they are taken.
`parts_ms` are those of a member-step, each timed alone: data, the gradient (requential: of the
teacher), the update (of both), and what record points cost a step in a run of 3000; of requential
training also a sampled batch, and what the student's pass takes beyond it.
`peak_share` is the compiled program's count of FLOPs a core and second over what the core reaches
in a product of 2048 x 2048 matrices. `compile_s` and `memory_mib` (on a core) are of the training
program.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from result import code, write
from stepping import Loop, job_of, on_every_device, seconds_of

from epiplexity_jax.base.keys import key
from epiplexity_jax.coding import record_points
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.method import Method
from epiplexity_jax.engine.microbatch import scoring_slice, training_slice
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.programs import forget_programs, score_weights
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.state import Hyperparameters, initial_state
from epiplexity_jax.engine.step import in_slices, learn, loss_gradient
from epiplexity_jax.engine.train_cohort import train_cohort
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.estimators.requential import RequentialMethod, sampled_at_once, student_pass
from epiplexity_jax.families import Transformer
from epiplexity_jax.families.sampling import sample
from epiplexity_jax.families.spec import Size
from epiplexity_jax.resources.compiled_flops import compiled_cost
from epiplexity_jax.resources.device_memory import compiled_bytes
from epiplexity_jax.runtime import devices
from epiplexity_jax.sources import ElementaryCA

BATCH, CELLS, REPEATS = 384, 64, 5
SOURCE = ElementaryCA(rule=54, cells=CELLS, steps=48, burn_in=1000)
METHODS: dict[str, Method] = {
    "prequential": PrequentialMethod(),
    "requential": RequentialMethod(),
}
SIZES = [Size.of(width=w, depth=1) for w in (16, 32, 64, 128)] + [
    Size.of(width=w, depth=d) for d in (2, 3) for w in (16, 32, 64)
]
SECONDS = 2.0
RUN = 3000  # steps over which record points are spread
MESH = member_mesh
COMPILED: list[float] = []  # seconds of every compilation of this process
KEPT = Path(__file__).parents[1] / "runs" / "steps.jsonl"


def automaton(generator: np.random.Generator) -> np.ndarray:
    """A batch [B, 2 * CELLS] of rule 54, made by NumPy."""
    table = np.array([54 >> i & 1 for i in range(8)], np.uint8)
    state = generator.integers(0, 2, (BATCH, CELLS), np.uint8)
    for step in range(1048):
        if step == 1000:
            before = state
        left, right = np.roll(state, 1, 1), np.roll(state, -1, 1)
        state = table[left << 2 | state << 1 | right]
    return np.concatenate([before, state], 1).astype(np.int32)


class PlainLoop:
    """A jitted step, called from Python on batches that NumPy makes."""

    def __init__(self, job: Any):
        self.state = job.program.method.init(job.model.init(key(0, "init", 0)), key(0, "init", 0))
        self.hyper = Hyperparameters(learning_rate=0.03, warmup_steps=100, ema=Window(50, 1.0))
        self.step = jax.jit(
            lambda state, batch: job.program.method.update(
                job.model, state, batch, self.hyper, None
            )
        )
        self.generator = np.random.default_rng(0)
        self.batch = automaton(self.generator)
        self.count = 1
        self.run()  # compiles
        self.count = max(2, int(SECONDS / self.run()))

    def run(self) -> float:
        """Seconds of a step."""
        return self._run(lambda: automaton(self.generator))

    def run_given(self) -> float:
        """The same on one batch, over and over: what is left if data were free."""
        return self._run(lambda: self.batch)

    def _run(self, batch: Callable[[], np.ndarray]) -> float:
        began = time.perf_counter()
        for _ in range(self.count):
            self.state, info = self.step(self.state, batch())
            jax.device_get(info)
        return (time.perf_counter() - began) / self.count


class Engine:
    """Whole calls of `train_cohort`, which go on from step 3000."""

    def __init__(self, size: Size, method: Method, members: int):
        job = cohort(size, method, members)
        loop = Loop(job)
        self.compile_seconds, self.memory = loop.compile_seconds, memory(loop)
        seconds = loop.run()
        # Whole blocks of data where they do not take long.
        steps = job.chunk_steps if job.chunk_steps * seconds < 2 * SECONDS else SECONDS / seconds
        self.steps = max(8, round(steps))
        resumed = tuple(map(far, job.members, train_cohort(replace(job, steps=1), MESH())))
        self.job = replace(job, members=resumed, start=RUN, steps=RUN + self.steps)
        self.run()

    def run(self) -> float:
        """Seconds of a member-step."""
        began = time.perf_counter()
        train_cohort(self.job, MESH())
        return (time.perf_counter() - began) / (self.steps * len(self.job.members))


def memory(loop: Loop) -> int:
    """Bytes that the training program holds on a core: states, a block of data, temporaries."""
    ready = loop.ready
    program = ready.programs.advance.lower(  # type: ignore[attr-defined]
        ready.states, ready.hyper, loop.block, loop.first, np.int32(1), np.int32(1)
    )
    return compiled_bytes(program.compile()) or 0


def cohort(size: Size, method: Method, members: int) -> Any:
    """A cohort that cuts its batches as the engine would, and holds out 64 sequences."""
    job = job_of(SOURCE, Transformer(), size, BATCH, None, method, members)
    layout = heldout_layout(64, 64)
    each = tuple(replace(m, heldout=m.heldout[:1, : layout.eval_batch_size]) for m in job.members)
    cut = training_slice(BATCH, job.model.task, on_cpu=True)
    program = job.program._replace(microbatch=cut)
    return replace(job, program=program, layout=layout, members=each)


def far(member: Any, result: Any) -> Any:
    """A member as if it had `RUN` steps behind it."""

    def late(path: Any, leaf: Any) -> Any:
        return np.full_like(leaf, RUN) if path[-1].name == "step" else leaf

    def named(path: Any, leaf: Any) -> Any:
        return late(path, leaf) if hasattr(path[-1], "name") else leaf

    state = jax.tree_util.tree_map_with_path(named, result.state)
    history = {name: column[-1:] for name, column in result.history.items()}
    return replace(member, resume=(state, history | {"step": np.array([RUN])}))


def parts(job: Any, requential: bool) -> dict[str, float]:
    """Milliseconds of the parts of a member-step, each timed on all cores at once."""
    model, task, cut = job.model, job.model.task, job.program.microbatch
    group = scoring_slice(job.layout.eval_batch_size, task, on_cpu=True)
    state = initial_state(model.init(key(0, "init", 0)))
    hyper = Hyperparameters(learning_rate=0.03, warmup_steps=100, ema=Window(50, 1.0))
    block = np.asarray(job.members[0].stream.chunk(0, 16, 16))
    batch, params = block[0], state.params
    grads = jax.jit(lambda p, b: loss_gradient(model, p, b, cut)[1])(params, batch)
    weights = 2 * (1 + requential)  # EMA and raw, of the teacher too
    passes = weights * job.layout.eval_batch_size / BATCH * len(record_points(RUN)) / RUN

    def gradient(params: Any, batch: Any) -> Any:
        return loss_gradient(model, params, batch, cut)

    def evaluate(params: Any, batch: Any) -> Any:
        groups = jax.tree.map(lambda x: x.reshape(1, -1, group, *x.shape[1:]), batch)
        return score_weights(model, (params,), groups, jnp.int32(0))

    def update(state: Any, grads: Any) -> Any:
        return learn(model, state, grads, hyper)

    tile = job.members[0].heldout[0]
    found = {
        "gradient": timed(gradient, params, batch),
        "update": (1 + requential) * timed(update, state, grads),
        "evaluation": passes * BATCH / len(tile) * timed(evaluate, params, tile),
        "data": _median(lambda: job.members[0].stream.chunk(0, 16, 16)) / 16,
    }
    if requential:
        found |= student_parts(job, state, batch)
    return {name: round(1e3 * seconds, 3) for name, seconds in found.items()}


def student_parts(job: Any, state: Any, batch: Any) -> dict[str, float]:
    """Seconds of a sampled batch, and of what the student's pass takes beyond it."""
    draw, follow, arguments = student_work(job, state, batch)
    drawing = timed(draw, *arguments)
    return {"sampling": drawing, "student": timed(follow, *arguments) - drawing}


def student_work(job: Any, state: Any, batch: Any) -> tuple[Any, Any, Any]:
    """Sampling a batch, the same with the student's pass over it, and what both are given."""
    model, task, cut = job.model, job.model.task, job.program.microbatch
    at_once = sampled_at_once(len(batch), cut, task)
    sampling = jax.random.key_data(jax.random.key(0))

    def draw(state: Any, batch: Any, key: Any) -> Any:
        key = jax.random.wrap_key_data(key)

        def work(part: Any) -> tuple[Any, Any]:
            return (), sample(model, state.params, part[0], key, part[1][0])

        return in_slices(work, (), (batch, jnp.arange(len(batch))), at_once)[1]

    def follow(state: Any, batch: Any, key: Any) -> Any:
        key = jax.random.wrap_key_data(key)
        return student_pass(model, (state.params, state), batch, key, cut)

    return draw, follow, (state, batch, sampling)


def timed(work: Callable[..., Any], *arguments: Any) -> float:
    """Seconds of a member's work, every core at it."""
    return _median(on_every_device(work, *arguments)) / jax.device_count()


def _median(work: Any) -> float:
    seconds_of(work)  # compiles
    return statistics.median(seconds_of(work) for _ in range(REPEATS))


def peak() -> float:
    """FLOPs a second of one core, all of them busy, in products of 2048 x 2048 matrices."""
    work = on_every_device(lambda a: a @ a, np.ones((2048, 2048), np.float32))
    seconds_of(work)
    return 2 * 2048**3 / min(seconds_of(work) for _ in range(REPEATS))


def measure(size: Size, name: str, members: int, speed: float) -> dict[str, Any]:
    """One row."""
    forget_programs()
    jax.clear_caches()  # of the plain loops and parts, too: see `devices.near_map_count_limit`
    method = METHODS[name]
    job = cohort(size, method, members)
    engine = Engine(size, method, members)
    plain = PlainLoop(job)
    ways = {"engine": engine.run, "plain": plain.run, "given": plain.run_given}
    times: dict[str, list[float]] = {way: [] for way in ways}
    compiled = len(COMPILED)
    for _ in range(REPEATS):
        for way, run in ways.items():
            times[way].append(1e3 * run())
    if len(COMPILED) > compiled:
        raise RuntimeError(f"{len(COMPILED) - compiled} programs were compiled while being timed")
    row: dict[str, Any] = {"size": str(size), "method": name, "members": members, "code": code()}
    for way, each in times.items():
        middle = statistics.median(each)
        row[f"{way}_ms"] = round(middle, 2)
        row[f"{way}_spread"] = [round(min(each) / middle, 3), round(max(each) / middle, 3)]
    for way in ("plain", "given"):
        row[f"{way}_over_engine"] = round(row[f"{way}_ms"] / row["engine_ms"], 2)
    row["peak_gflops_a_core"] = round(speed / 1e9, 1)
    if name == "prequential":
        cost = compiled_cost(job.model, job.program.microbatch)
        flops = cost.train_flops_per_token * BATCH * 2 * CELLS
        cores = jax.device_count() * row["engine_ms"] / 1e3
        row["peak_share"] = round(flops / cores / speed, 3)
    row["compile_s"] = round(engine.compile_seconds, 1)
    row["parts_ms"] = parts(job, name == "requential")
    row["memory_mib"] = engine.memory >> 20
    print(row, flush=True)
    return row


def count_compilation(event: str, duration_secs: float, **_: Any) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(duration_secs)


def main() -> None:
    devices.one_device_per_core()
    jax.monitoring.register_event_duration_secs_listener(count_compilation)
    with tempfile.TemporaryDirectory() as folder:
        # What was compiled and timed is compiled once more, to be asked for its memory.
        jax.config.update("jax_compilation_cache_dir", folder)
        run("--quick" in sys.argv)


def run(quick: bool) -> None:
    """Measure the rows that are missing, and write what there is after each."""
    cores = jax.device_count()
    if quick:
        for name in METHODS:
            measure(SIZES[0], name, cores, peak())
        return
    path = None
    cases = [(size, "prequential", cores) for size in SIZES]
    cases += [(SIZES[1], "prequential", members) for members in (1, 4, 16)]
    cases += [(size, "requential", cores) for size in SIZES]
    cases += [(SIZES[1], "requential", members) for members in (1, 4, 16)]
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    done = [row for row in map(json.loads, lines) if row["code"] == code()]
    KEPT.parent.mkdir(exist_ok=True)
    for size, name, members in cases:
        if (str(size), name, members) not in map(named, done):
            done.append(measure(size, name, members, peak()))
            with KEPT.open("a") as kept:
                kept.write(json.dumps(done[-1]) + "\n")
        order = [(str(size), name, members) for size, name, members in cases]
        rows = sorted(done, key=lambda row: order.index(named(row)))
        path = write("steps", cores=cores, rows=rows)
    print(path)


def named(row: dict[str, Any]) -> tuple[str, str, int]:
    """Which case a row is."""
    return row["size"], row["method"], row["members"]


if __name__ == "__main__":
    main()
