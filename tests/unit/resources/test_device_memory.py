"""Memory estimated from a trace against what XLA allocates; blocks that are computed twice."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from epiplexity_jax.engine.programs import ProgramKey, compile_programs
from epiplexity_jax.engine.sharding import CohortSharding, member_mesh
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.engine.step import loss_gradient
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.estimators.requential import RequentialMethod
from epiplexity_jax.families import Mlp, Recurrent, Transformer, open_family
from epiplexity_jax.families.spec import Size, Task
from epiplexity_jax.resources.device_memory import (
    PerDeviceShapes,
    compiled_bytes,
    peak_bytes,
    program_bytes,
    traces,
)

TASK = Task(vocab_size=32, length=32, label_mask=(True,) * 32)


def model(family, task=TASK, **size):
    opened = open_family(family)
    return opened.model(Size.of(**({"width": 32, "depth": 2} | size)), task, "float32", "cpu")


def like(*shape):
    return jax.ShapeDtypeStruct(shape, np.uint8)


def test_the_estimate_is_near_what_the_compiler_allocates():
    setup = ProgramKey(model(Transformer(), depth=1), RequentialMethod(), 4)
    load = PerDeviceShapes(1, like(4, 16, 32), like(16, 32), 1)
    (advance, inputs), _ = traces(setup, load, member_mesh(jax.devices()[:1]))
    estimate = program_bytes(advance, inputs)
    compiled = compiled_bytes(advance.lower().compile())
    assert 0.75 < estimate / compiled < 1.25


def test_the_trace_is_that_of_the_programs_which_train():
    """So that an estimate costs a start nothing: tracing is what is slow."""
    task = Task(vocab_size=3, length=4, label_mask=(True,) * 4)
    setup, mesh = (
        ProgramKey(model(Mlp(), task, width=8, depth=1), PrequentialMethod()),
        member_mesh(jax.devices()[:1]),
    )
    (advance, _), (evaluate, _) = traces(
        setup, PerDeviceShapes(1, like(2, 2, 4), like(2, 4), 1), mesh
    )
    programs, place = compile_programs(setup, mesh), CohortSharding(mesh)
    keys = place(np.zeros((1, 2), np.uint32))
    states = programs.init(keys, keys, place(np.zeros(1, bool)))
    hyper = place(Hyperparameters.stack([Hyperparameters(0.0, 0)]))
    block = place.sequences(np.zeros((1, 2, 2, 4), np.uint8))
    first, count = place(np.zeros(1, np.int32)), np.int32(1)
    called = programs.advance.trace(states, hyper, block, first, count, count)
    assert called.jaxpr is advance.jaxpr
    scored = states, place.shared(np.zeros((1, 2, 4), np.uint8)), first
    assert programs.evaluate.trace(*scored).jaxpr is evaluate.jaxpr
    compiled = []

    def listen(event, seconds, **_):
        compiled.append(event.endswith("backend_compile_duration"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    for program in (advance, evaluate):
        program.lower().compile()
    assert sum(compiled) == 2
    programs.evaluate(*scored)
    programs.advance(states, hyper, block, first, count, count)
    assert sum(compiled) == 2  # an executable of equal shapes that was asked is the one that runs


def test_what_is_read_no_more_makes_room():
    def function(x):
        y = x @ x
        z = y @ y
        return z.sum()

    program = jax.make_jaxpr(function)(jnp.zeros((64, 64))).jaxpr
    matrix = 4 * 64**2
    assert peak_bytes(program, program.invars) == 2 * matrix  # y and x, then z and y
    assert peak_bytes(program, ()) == 2 * matrix  # x is the caller's: y and z


def test_elementwise_chains_hold_nothing_of_their_own():
    program = jax.make_jaxpr(lambda x: (jnp.sin(x) * 2 + 1).sum())(jnp.zeros(1000)).jaxpr
    assert peak_bytes(program, ()) == 4


@pytest.mark.parametrize(
    "family", [Transformer(), Recurrent(), Mlp(window=4)], ids=lambda f: f.kind
)
def test_blocks_computed_twice_hold_less_and_learn_the_same(family):
    task = Task(vocab_size=5, length=8, label_mask=(False,) * 2 + (True,) * 6)
    once = model(family, task, width=16)
    twice = once.rematerialised()
    shapes = jax.eval_shape(once.init, jax.random.key(0))
    assert jax.eval_shape(twice.init, jax.random.key(0)) == shapes
    generator = np.random.default_rng(0)
    moved = jax.tree.map(lambda x: 0.3 * generator.standard_normal(x.shape, np.float32), shapes)
    batch = generator.integers(0, 5, (4, 8))

    def gradient(which):
        return lambda p: loss_gradient(which, p, batch, None)

    (losses, slopes), (again, others) = (jax.jit(gradient(m))(moved) for m in (once, twice))
    np.testing.assert_allclose(again, losses, rtol=1e-5)
    error = optax.tree.norm(jax.tree.map(jnp.subtract, slopes, others))
    assert error < 1e-5 * optax.tree.norm(slopes)
    held = [peak_bytes(jax.make_jaxpr(gradient(m))(moved).jaxpr, ()) for m in (once, twice)]
    assert held[1] < held[0]
