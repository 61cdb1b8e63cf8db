"""Models of one's own: adapters, identity, and the whole way through `run`."""

import subprocess
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import epiplexity_jax as epx
from epiplexity_jax import api
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.engine.step import sequence_losses
from epiplexity_jax.engine.stream import Stream
from epiplexity_jax.families import from_linen, from_nnx, user_model
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.families.spec import Size, Task
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import Sweep
from epiplexity_jax.sweep.plan import make_plan
from epiplexity_jax.sweep.progress import Silent

V, LENGTH = 5, 6
STAY = np.full((V, V), 0.05) + 0.75 * np.eye(V)
TASK = Task(V, LENGTH, (False, *(True,) * (LENGTH - 1)))
VECTORS = Task(3, 2, (False, True), features=4)


class Table:
    """A bigram by gradient: logits are a row of a table. `peeks` looks at the next token."""

    def __init__(self, peeks=0, vocab_size=V):
        self.peeks, self.vocab_size = peeks, vocab_size

    def init(self, key):
        shape = (self.vocab_size, self.vocab_size)
        return {"table": 0.01 * jax.random.normal(key, shape)}

    def apply(self, params, tokens):
        return params["table"][jnp.roll(tokens, -self.peeks, axis=1)]


class Linen(nn.Module):
    width: int = 8

    @nn.compact
    def __call__(self, tokens):
        return nn.Dense(V)(nn.Embed(V, self.width)(tokens))


class Nnx(nnx.Module):
    def __init__(self, rngs, width=8):
        self.embed = nnx.Embed(V, width, rngs=rngs)
        self.readout = nnx.Linear(width, V, rngs=rngs)

    def __call__(self, tokens):
        return self.readout(self.embed(tokens))


def model_of(module, task=TASK, **options):
    return open_family(user_model(module, **options)).model(
        Size.of(name="model"), task, "float32", "cpu"
    )


MODULES = {"functions": Table(), "linen": from_linen(Linen()), "nnx": from_nnx(Nnx)}


@pytest.mark.parametrize("kind", MODULES)
def test_models_fit_the_protocol(kind):
    model = model_of(MODULES[kind])
    params = jax.jit(model.init)(jax.random.key(0))
    inputs = jnp.zeros((3, LENGTH - 1), jnp.int32)
    assert model.logits(params, inputs).shape == (3, LENGTH - 1, V)
    assert model.cost.params == sum(leaf.size for leaf in jax.tree.leaves(params))
    assert model.cost.train_flops_per_token == 6 * model.cost.params
    losses = sequence_losses(model, params, jnp.zeros((3, LENGTH), jnp.int32))
    assert np.isfinite(np.asarray(losses)).all()


@pytest.mark.parametrize("kind", MODULES)
def test_equal_programs_are_equal_models(kind):
    one, two = model_of(MODULES[kind]), model_of(MODULES[kind])
    assert one == two
    assert hash(one) == hash(two)


def test_another_program_is_another_model():
    wider = from_nnx(lambda rngs: Nnx(rngs, width=16))
    prints = {
        model_of(m).fingerprint
        for m in (MODULES["nnx"], wider, MODULES["linen"], from_linen(Linen(9)), Table())
    }
    assert len(prints) == 5


def test_fingerprints_are_the_same_in_another_process():
    code = (
        "from tests.unit.families.test_user_models import *;"
        "print(*[model_of(MODULES[k]).fingerprint for k in MODULES])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [model_of(MODULES[k]).fingerprint for k in MODULES]


def test_vectors_go_in():
    class Linear:
        def init(self, key):
            return {"w": jnp.zeros((4, 3))}

        def apply(self, params, inputs):
            return inputs @ params["w"]

    model = model_of(Linear(), VECTORS)
    assert model.logits(jax.jit(model.init)(jax.random.key(0)), jnp.ones((2, 4))).shape == (2, 1, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rates": (0.0,)}, "learning_rates"),
        ({"learning_rates": ()}, "learning_rates"),
        ({"learning_rates": (0.1, 0.1)}, "each value once"),
        ({"seeds": 0}, "seeds"),
        ({"flops_per_token": (6.0, -1.0)}, "flops_per_token"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        user_model(Table(), **options)


def test_what_is_no_model_is_refused():
    with pytest.raises(ConfigError, match="no function `init`"):
        user_model(len)


def equinox_linear():
    return pytest.importorskip("equinox").nn.Linear(2, 2, key=jax.random.key(0))


def haiku_functions():
    return pytest.importorskip("haiku").transform(lambda x: x)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Table, "is the class Table; give an instance of it"),
        (lambda: Linen(), "is a Flax Linen module; give from_linen"),
        (lambda: Nnx(nnx.Rngs(0)), "is a Flax NNX module; give from_nnx"),
        (equinox_linear, "is an Equinox module, which holds its parameters"),
        (haiku_functions, "is a pair of Haiku's functions; give Functions"),
    ],
)
def test_modules_of_libraries_are_no_models_as_they_are(made, said):
    with pytest.raises(ConfigError, match=said):
        user_model(made())


def test_a_module_with_functions_of_its_own_is_a_model():
    equinox = pytest.importorskip("equinox")

    class Own(equinox.Module):
        def init(self, key):
            return Table().init(key)

        def apply(self, params, tokens):
            return Table().apply(params, tokens)

    assert model_of(Own()).cost.params == V * V
    static = {"init": staticmethod(Table().init), "apply": staticmethod(Table().apply)}
    assert model_of(type("Static", (), static)).cost.params == V * V


def runs_of(models, **options):
    """A plan's run ids and lineages, by name."""
    sweep = Sweep(
        sources={"cycle": epx.sources.Markov(matrix=STAY.tolist(), length=LENGTH)},
        family=user_model(models, seeds=1, **options),
        training=epx.Training(steps=5),
    )
    runs = make_plan(sweep, "cpu").runs
    return {str(r.size): (r.run_id, r.lineage, r.cost.train_flops_per_token) for r in runs}


def test_a_run_is_its_own_models():
    """Other models of the family, declared FLOPs and more learning rates train nothing anew."""
    alone = runs_of({"a": Table()})["a"]
    assert runs_of({"b": from_linen(Linen()), "a": Table()})["a"] == alone
    assert runs_of({"b": Table()})["b"][1] != alone[1]
    assert runs_of({"a": from_linen(Linen())})["a"][1] != alone[1]
    assert runs_of({"a": Table()}, rate_scales=lambda p: {"table": 0.5})["a"][1] != alone[1]
    costly = [runs_of({"a": Table()}, flops_per_token=(6.0, n))["a"] for n in (2.0, 3.0)]
    assert len({run_id for run_id, *_ in (alone, *costly)}) == 3
    assert {lineage for _, lineage, _ in costly} == {alone[1]}
    assert costly[0][2] == 6.0


def test_other_flops_are_counted_without_training_anew(tmp_path, monkeypatch):
    source = epx.sources.Markov(matrix=STAY.tolist(), length=LENGTH)

    def rows_of(**options):
        runs = epx.run(
            source,
            user_model(Table(), seeds=1, **options),
            recipe="fixed",
            store=tmp_path / "store",
            training=epx.Training(steps=20, batch_size=8, warmup_steps=5),
            heldout=epx.Heldout(tokens=2_000),
        )
        (row,) = runs.rows(test_tokens=1e6)
        return row, Store(tmp_path / "store").history(row["run_id"])

    first, before = rows_of()
    monkeypatch.setattr(Stream, "chunk", lambda *_: pytest.fail("trains"))
    second, after = rows_of(flops_per_token=(60.0, 20.0))
    assert second["train_flops_per_token"] == 60.0 != first["train_flops_per_token"]
    assert after["spent_flops"][-1] != before["spent_flops"][-1]
    np.testing.assert_array_equal(after["heldout_loss_nats"], before["heldout_loss_nats"])


def test_a_model_without_start_token_is_measured(tmp_path):
    """The first token of a chain is not scored; the loss falls towards the chain's own rate."""
    source = epx.sources.Markov(matrix=STAY.tolist(), length=LENGTH)
    family = user_model(Table(), seeds=2, learning_rates=(0.1,))
    runs = epx.run(
        source,
        family,
        recipe="fixed",
        store=tmp_path / "store",
        training=epx.Training(steps=150, batch_size=32, warmup_steps=5),
        heldout=epx.Heldout(tokens=20_000),
    )
    rows = runs.rows(test_tokens=1e6)
    assert {row["label_tokens_per_step"] for row in rows} == {32 * (LENGTH - 1)}
    assert {row["train_tokens_per_step"] for row in rows} == {32 * LENGTH}
    assert {row["entropy_rate_nats"] for row in rows} == {None}
    rate = -(0.8 * np.log(0.8) + 4 * 0.05 * np.log(0.05))
    for row in rows:
        assert rate - 0.02 < row["heldout_loss_nats"] < rate + 0.05
        assert row["model_bits"] > 0
    again = epx.run(
        source,
        user_model(Table(), seeds=2, learning_rates=(0.1,)),
        recipe="fixed",
        store=tmp_path / "store",
        training=epx.Training(steps=150, batch_size=32, warmup_steps=5),
        heldout=epx.Heldout(tokens=20_000),
    )
    assert [row["created"] for row in again.rows(1e6)] == [row["created"] for row in rows]
    with pytest.raises(ConfigError, match="given in Python"):
        api.run_config(tmp_path / "store" / "sweep.yaml", (), tmp_path / "other", Silent())
