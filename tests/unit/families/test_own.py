"""Models of one's own: adapters, checks before training, and the whole way through `run`."""

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
from epiplexity_jax.families import from_linen, from_nnx, own
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.families.spec import Size, Task
from epiplexity_jax.training.step import sequence_losses

V, LENGTH = 5, 6
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


class LinenStatistics(nn.Module):
    @nn.compact
    def __call__(self, tokens):
        return nn.BatchNorm(use_running_average=False)(nn.Dense(V)(nn.Embed(V, 4)(tokens)))


class Nnx(nnx.Module):
    def __init__(self, rngs, width=8):
        self.embed = nnx.Embed(V, width, rngs=rngs)
        self.readout = nnx.Linear(width, V, rngs=rngs)

    def __call__(self, tokens):
        return self.readout(self.embed(tokens))


class NnxDropout(Nnx):
    def __init__(self, rngs):
        super().__init__(rngs)
        self.dropout = nnx.Dropout(0.1, rngs=rngs)


def model_of(module, task=TASK, **options):
    return open_family(own(module, **options)).model(Size(name="model"), task, "float32")


MODULES = {"functions": Table(), "linen": from_linen(Linen()), "nnx": from_nnx(Nnx)}


@pytest.mark.parametrize("kind", MODULES)
def test_models_fit_the_protocol(kind):
    model = model_of(MODULES[kind])
    params = model.init(jax.random.key(0))
    inputs = np.zeros((3, LENGTH - 1), np.int32)
    assert model.logits(params, inputs).shape == (3, LENGTH - 1, V)
    assert model.cost.params == sum(leaf.size for leaf in jax.tree.leaves(params))
    assert model.cost.train_flops_per_token == 6 * model.cost.params
    losses = sequence_losses(model, params, np.zeros((3, LENGTH), np.int32), TASK)
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
        "from tests.unit.families.test_own import *;"
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
    assert model.logits(model.init(jax.random.key(0)), jnp.ones((2, 4))).shape == (2, 1, 3)


def _shape(params, tokens):
    return params["table"][tokens][..., :3]


def _whole(key):
    return {"table": jnp.zeros((V, V), jnp.int32)}


def _breaks(params, tokens):
    raise KeyError("weights")


WRONG = {
    "peeks": (Table(peeks=1), "is not causal: its logits at position"),
    "shape": ({"init": Table().init, "apply": _shape}, r"logits of shape \[1, 5, 3\]"),
    "integers": ({"init": _whole, "apply": Table().apply}, "float32"),
    "breaks": ({"init": Table().init, "apply": _breaks}, "failed: KeyError: 'weights'"),
    "statistics": (from_linen(LinenStatistics()), "state besides its parameters"),
    "dropout": (from_nnx(NnxDropout), "state besides its parameters"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_models_are_refused_before_training(kind):
    module, message = WRONG[kind]
    if isinstance(module, dict):
        module = type("Given", (), {k: staticmethod(f) for k, f in module.items()})()
    with pytest.raises(ConfigError, match=message):
        model_of(module)


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
        own(Table(), **options)


def test_what_is_no_model_is_refused():
    with pytest.raises(ConfigError, match="no function `init`"):
        own(len)


def test_a_model_without_start_token_is_measured(tmp_path):
    """The first token of a chain is not scored; the loss falls towards the chain's own rate."""
    stay = np.full((V, V), 0.05) + 0.75 * np.eye(V)
    source = epx.sources.Markov(matrix=stay.tolist(), length=LENGTH)
    family = own(Table(), seeds=2, learning_rates=(0.1,))
    runs = epx.run(
        source,
        family,
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
        own(Table(), seeds=2, learning_rates=(0.1,)),
        store=tmp_path / "store",
        training=epx.Training(steps=150, batch_size=32, warmup_steps=5),
        heldout=epx.Heldout(tokens=20_000),
    )
    assert [row["created"] for row in again.rows(1e6)] == [row["created"] for row in rows]
    with pytest.raises(ConfigError, match="given in Python"):
        api.run_config(tmp_path / "store" / "sweep.yaml", (), tmp_path / "other", None)
