"""Flax modules as people have them: call arguments, state, annotations, padded vocabularies."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import epiplexity_jax as epx
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families import from_linen, from_nnx
from tests.unit.families.test_user_models import LENGTH, TASK, Linen, Nnx, Table, V, model_of


def fingerprint(model):
    return model_of(model).fingerprint


def complaint(model):
    with pytest.raises(ConfigError) as caught:
        model_of(model)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix("family: model 'model' ")


class LinenDropout(nn.Module):
    @nn.compact
    def __call__(self, tokens, *, train):
        x = nn.Dropout(0.5, deterministic=not train)(nn.Embed(V, 8)(tokens))
        return nn.Dense(V)(x)


class LinenDeterministic(nn.Module):
    @nn.compact
    def __call__(self, tokens, deterministic=None):
        return nn.Dense(V)(nn.Dropout(0.5)(nn.Embed(V, 8)(tokens), deterministic))


class LinenNorm(nn.Module):
    @nn.compact
    def __call__(self, tokens, train=True):
        x = nn.BatchNorm(use_running_average=not train)(nn.Embed(V, 8)(tokens))
        scale = self.variable("constants", "scale", lambda: jnp.full((1, 1, V), 2.0)).value
        return nn.Dense(V)(x) * scale


class NnxRnn(nnx.Module):
    def __init__(self, rngs):
        self.embed = nnx.Embed(V, 8, rngs=rngs)
        self.rnn = nnx.RNN(nnx.GRUCell(8, 8, rngs=rngs))
        self.out = nnx.Linear(8, V, rngs=rngs)

    def __call__(self, tokens):
        return self.out(self.rnn(self.embed(tokens)))


class NnxDropout(Nnx):
    def __init__(self, rngs, rate=0.5):
        super().__init__(rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs)
        self.norm = nnx.BatchNorm(V, rngs=rngs)

    def __call__(self, tokens, **call):
        return self.norm(self.dropout(super().__call__(tokens), **call))


class NnxCounter(Nnx):
    """Adds what it counts to its logits."""

    def __init__(self, rngs, shown=True):
        super().__init__(rngs)
        self.seen, self.shown = nnx.Variable(jnp.zeros(())), shown

    def __call__(self, tokens):
        self.seen[...] += 1.0
        return super().__call__(tokens) + self.shown * self.seen[...]


class NnxPositions(Nnx):
    def __init__(self, rngs):
        super().__init__(rngs)
        self.table = nnx.Variable(jnp.sin(jnp.arange(8.0 * LENGTH)).reshape(1, LENGTH, 8))

    def __call__(self, tokens):
        return self.readout(self.embed(tokens) + self.table[...][:, : tokens.shape[1]])


def in_evaluation(cls):
    def make(rngs):
        model = cls(rngs)
        model.eval()
        return model

    return make


def test_arguments_of_the_call_are_handed_on():
    trained = fingerprint(from_linen(LinenDropout(), train=False))
    assert fingerprint(from_linen(LinenDeterministic(), deterministic=True)) == trained
    missing = complaint(from_linen(LinenDropout()))
    assert "'train'; give arguments of the call as from_linen(module, train=False)" in missing
    missing = complaint(from_linen(LinenDeterministic()))
    assert missing.endswith("give it as from_linen(module, deterministic=True)")
    for random in (
        from_linen(LinenDropout(), train=True),
        from_linen(LinenDeterministic(), deterministic=False),
    ):
        assert complaint(random).startswith(
            "draws random numbers, as dropout does, and a code must not: switch it off by the"
        )


def test_collections_that_the_call_leaves_alone_keep_their_values():
    model = model_of(from_linen(LinenNorm(), train=False))
    params = model.init(jax.random.key(0))
    assert sorted(params) == ["BatchNorm_0", "Dense_0", "Embed_0"]
    tokens = jnp.arange(LENGTH - 1)[None] % V
    x = params["Embed_0"]["embedding"][tokens] / np.sqrt(1 + 1e-5)
    expected = 2 * (x @ params["Dense_0"]["kernel"])
    assert np.allclose(model.logits(params, tokens), expected, atol=1e-6)
    assert complaint(from_linen(LinenNorm())).startswith(
        "has state that its call changes (batch_stats, constants); it would not be part of the code"
    )


@pytest.mark.parametrize(
    "make",
    [NnxRnn, in_evaluation(NnxDropout), NnxPositions, lambda rngs: NnxCounter(rngs, shown=False)],
    ids=["rnn", "eval", "positions", "unseen"],
)
def test_state_that_cannot_change_the_logits_is_held_fixed(make):
    model = model_of(from_nnx(make))
    inputs = jnp.arange(3 * (LENGTH - 1)).reshape(3, -1) % V
    params = model.init(jax.random.key(3))
    own = nnx.merge(*nnx.split(make(nnx.Rngs(0))))
    nnx.update(own, _as_state(own, params))
    assert np.allclose(model.logits(params, inputs), own(inputs), atol=1e-6)


def _as_state(module, params):
    state = nnx.state(module, nnx.Param)
    nnx.replace_by_pure_dict(state, params)
    return state


def test_state_that_changes_the_logits_is_refused():
    assert complaint(from_nnx(NnxDropout)).startswith(
        "draws random numbers (dropout.rngs.count), as dropout does, and a code must not"
    )
    assert complaint(from_nnx(NnxCounter)).startswith("has state that its call changes (seen); it")
    assert complaint(from_nnx(NnxDropout, deterministic=True)).startswith("mixes sequences")


def annotated(axes):
    class Annotated(nn.Module):
        @nn.compact
        def __call__(self, tokens):
            init = nn.initializers.lecun_normal()
            init = nn.with_partitioning(init, axes) if axes else init
            y = nn.DenseGeneral(features=(2, 4), kernel_init=init)(nn.Embed(V, 8)(tokens))
            return nn.Dense(V)(y.reshape(*tokens.shape, 8))

    return from_linen(Annotated())


def test_annotations_of_another_mesh_are_ignored(tmp_path):
    """Whatever their names: those of the product's own mesh, too."""
    walk = np.cumsum(np.random.default_rng(0).integers(1, 4, 20_000)) % V
    found = []
    for axes in (None, ("data", None, None), ("x", None, None)):
        runs = epx.run(
            epx.sources.from_array(walk, length=32, vocab_size=V),
            epx.families.user_model(annotated(axes), seeds=1, learning_rates=(0.01,)),
            recipe="fixed",
            steps=20,
            training=epx.Training(batch_size=8),
            heldout=epx.Heldout(tokens=2000),
            store=tmp_path / str(axes),
        )
        best = runs.frontier(test_tokens=1e6).at(1e12)
        found.append((best.status, best.epiplexity_bits, best.entropy_bits_per_token))
    assert found[0] == found[1] == found[2]


class Padded:
    """A table of more symbols than the alphabet has."""

    def __init__(self, size):
        self.size = size

    def init(self, key):
        return {"table": jax.random.normal(key, (V, self.size))}

    def apply(self, params, tokens):
        return params["table"][tokens]


@pytest.mark.parametrize("size", [8, 64, 128])
def test_logits_of_a_padded_vocabulary_are_cut(size):
    model = model_of(Padded(size))
    params = model.init(jax.random.key(0))
    inputs = jnp.arange(LENGTH - 1)[None] % V
    assert np.array_equal(model.logits(params, inputs), params["table"][inputs][..., :V])
    assert model.cost.params == V * size


def test_another_vocabulary_is_no_padding():
    assert complaint(Padded(129)) == (
        f"gives logits of shape [1, {LENGTH - 1}, 129] for one sequence, not [1, {LENGTH - 1}, {V}]"
        f"; cut them to the alphabet (logits[..., :{V}]), or give the source vocab_size: 129"
    )
    assert complaint(Padded(3)).endswith(f"not [1, {LENGTH - 1}, {V}]")


def test_a_pretrained_start_is_said():
    weights = Table().init(jax.random.key(5))
    pretrained = type("P", (), {"init": lambda self, key: weights, "apply": Table().apply})()
    (note,) = model_of(pretrained).notes
    assert note == (
        f"model 'model' starts from weights that do not depend on the key ({V * V} of {V * V} that "
        "are not constant): if they are pretrained, what they know is in no code length"
    )
    zeros = type("Z", (), {"init": lambda self, key: {"table": jnp.zeros((V, V))}})
    zeros.apply = Table().apply
    for drawn in (Table(), from_linen(Linen()), from_nnx(NnxPositions), zeros()):
        assert model_of(drawn, TASK).notes == ()


@pytest.mark.parametrize(
    ("adapt", "said"),
    [
        (lambda: from_linen(Linen), "from_linen: expected a Linen module, got the class Linen"),
        (lambda: from_linen(Nnx(nnx.Rngs(0))), "got one of NNX; use from_nnx"),
        (lambda: from_nnx(Linen()), "got one of Linen; use from_linen"),
        (lambda: from_nnx(Nnx(nnx.Rngs(0))), "a function of nnx.Rngs, got a module that is made"),
    ],
)
def test_adapters_take_what_they_are_for(adapt, said):
    with pytest.raises(ConfigError, match=said):
        adapt()
