"""What is refused of models of one's own, and what is not, before anything trains."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families import from_linen, from_nnx
from epiplexity_jax.families.spec import Task
from tests.unit.families.test_user_models import VECTORS, Nnx, Table, V, model_of


class LinenStatistics(nn.Module):
    @nn.compact
    def __call__(self, tokens):
        return nn.BatchNorm(use_running_average=False)(nn.Dense(V)(nn.Embed(V, 4)(tokens)))


class NnxDropout(Nnx):
    def __init__(self, rngs):
        super().__init__(rngs)
        self.dropout = nnx.Dropout(0.1, rngs=rngs)

    def __call__(self, tokens):
        return self.dropout(super().__call__(tokens))


def small_table(key):
    return Table().init(key)


def given(apply, init=small_table):
    return type("Given", (), {"init": staticmethod(init), "apply": staticmethod(apply)})()


def _whole(key):
    return {"table": jnp.zeros((V, V), jnp.int32)}


def _breaks(params, tokens):
    raise KeyError("weights")


WRONG = {
    "shape": (given(lambda p, x: p["table"][x][..., :3]), r"logits of shape \[1, 5, 3\] for one"),
    "company": (
        given(lambda p, x: p["table"][x][: 1 if len(x) > 1 else None]),
        r"logits of shape \[1, 5, 5\] for 16 sequences",
    ),
    "integers": (given(Table().apply, _whole), "parameters must be float32"),
    "classes": (
        given(lambda p, x: x[..., None] * jnp.arange(V)[None, None]),
        "logits of type int32",
    ),
    "tuple": (
        given(lambda p, x: (p["table"][x], None)),
        "^family: model 'model' is no model: apply must return one array of logits, got tuple$",
    ),
    "nan": (given(lambda p, x: p["table"][x] * jnp.nan), "not finite at initialisation"),
    "some nan": (
        given(lambda p, x: p["table"][x].at[:, -1, 0].set(jnp.nan)),
        "not finite at initialisation",
    ),
    "probabilities": (
        given(lambda p, x: jax.nn.softmax(p["table"][x])),
        "gives probabilities, which sum to 1, where logits are expected",
    ),
    "too many arguments": (
        given(lambda p, x, y: x),
        r"missing 1 required .* argument: 'y'; needed: init\(key\) and apply",
    ),
    "breaks": (given(_breaks), "failed: KeyError: 'weights'"),
    "statistics": (from_linen(LinenStatistics()), r"state that its call changes \(batch_stats\)"),
    "dropout": (from_nnx(NnxDropout), r"draws random numbers \(dropout.rngs.count\), as dropout"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_models_are_refused_before_training(kind):
    module, message = WRONG[kind]
    with pytest.raises(ConfigError, match=message):
        model_of(module)


def peeks_where(condition):
    """Adds what the next token says, where `condition(tokens)` holds."""

    def apply(params, tokens):
        later = params["table"][jnp.roll(tokens, -1, axis=1)]
        return params["table"][tokens] + jnp.where(condition(tokens)[..., None], later, 0.0)

    return apply


def at(*positions):
    return lambda x: jnp.isin(jnp.arange(x.shape[1]), np.array(positions))[None]


def chunk_of_8(params, tokens):
    """Every position sees the whole of its chunk of 8."""
    seen = params["table"][tokens].reshape(len(tokens), -1, 8, V)
    return (seen + seen.mean(axis=2, keepdims=True)).reshape(*tokens.shape, V)


def beside(scale, dtype=jnp.float32):
    def apply(params, tokens):
        logits = params["table"][tokens] * scale + Table(peeks=1).apply(params, tokens)
        return logits.astype(dtype)

    return apply


LEAKS = {
    "next": (Table(peeks=1).apply, "position 0 change with the token at position 1,"),
    "chunk": (chunk_of_8, "position 0 change with the token at position 1,"),
    "beginning": (peeks_where(at(0, 1, 2, 3)), "position 0 change with"),
    "last": (peeks_where(at(14)), "position 14 change with the token at position 15,"),
    "once": (peeks_where(at(9)), "position 9 change with the token at position 10,"),
    "one symbol": (peeks_where(lambda x: jnp.roll(x, -1, axis=1) == 3), "is not causal"),
    "small": (beside(1e5), "is not causal"),
    "bfloat16": (beside(1.0, jnp.bfloat16), "is not causal"),
    "in company": (
        lambda p, x: Table(peeks=int(len(x) > 1)).apply(p, x),
        "position 0 change with the token at position 1,",
    ),
    "all later": (
        lambda p, x: p["table"][x] + jnp.cumsum(p["table"][x[:, ::-1]], 1)[:, ::-1],
        "is not causal",
    ),
}


@pytest.mark.parametrize("kind", LEAKS)
def test_foresight_is_refused_wherever_it_is(kind):
    apply, message = LEAKS[kind]
    with pytest.raises(ConfigError, match=message):
        model_of(given(apply), Task(V, 17, (False, *(True,) * 16)))


def test_foresight_is_refused_behind_a_start_token():
    task = Task(V, 16, (True,) * 16)
    known = {"init": Table(vocab_size=V + 1).init}
    model_of(given(lambda p, x: p["table"][x][..., :V], **known), task, start_token=True)
    leak = given(lambda p, x: peeks_where(at(14))(p, x)[..., :V], **known)
    with pytest.raises(ConfigError, match="position 14 change with the token at position 15"):
        model_of(leak, task, start_token=True)


def test_later_inputs_may_be_seen_and_labels_may_not():
    """The first half is known in advance, so only what shows labels of the second is foresight."""
    task = Task(V, 16, (False,) * 8 + (True,) * 8)
    model_of(given(peeks_where(at(*range(7)))), task)
    with pytest.raises(ConfigError, match="position 7 change with the token at position 8"):
        model_of(given(peeks_where(at(7))), task)


def fourier(dtype):
    """A causal convolution by FFT, and what follows it in another type."""

    def apply(params, tokens):
        seen, length = params["table"][tokens], tokens.shape[1]
        kernel = jnp.exp(-0.01 * jnp.arange(length))[None, :, None]
        parts = (jnp.fft.rfft(x, 2 * length, axis=1) for x in (seen, kernel))
        mixed = jnp.fft.irfft(next(parts) * next(parts), 2 * length, axis=1)[:, :length]
        return jax.nn.gelu(mixed.astype(dtype) @ params["table"].astype(dtype))

    return apply


def difference_of_sums(params, tokens):
    """A running mean taken as the total less what is later: causal but for its rounding."""
    seen = params["table"][tokens]
    later = jnp.cumsum(seen[:, ::-1], axis=1)[:, ::-1] - seen
    return seen.sum(axis=1, keepdims=True) - later


CAUSAL = {
    "fourier": fourier(jnp.float32),
    "fourier in bfloat16": fourier(jnp.bfloat16),
    "difference": difference_of_sums,
    "bfloat16": lambda p, x: p["table"].astype(jnp.bfloat16)[x] @ p["table"].astype(jnp.bfloat16),
    "positive weights": lambda p, x: jnp.log(jnp.abs(p["table"][x])),
}


@pytest.mark.parametrize("kind", CAUSAL)
def test_rounding_is_no_foresight(kind):
    model_of(given(CAUSAL[kind]), Task(V, 129, (False, *(True,) * 128)))


def _normalised(params, tokens):
    logits = params["table"][tokens]
    return logits - logits.mean(axis=(0, 1), keepdims=True)


MIXING = {
    "batch statistics": _normalised,
    "a neighbour": lambda p, x: p["table"][x] + p["table"][jnp.roll(x, 1, axis=0)],
    "one pair": lambda p, x: p["table"][x].at[3:4].add(p["table"][x[2:3]]),
}


@pytest.mark.parametrize("kind", MIXING)
def test_sequences_must_not_mix(kind):
    with pytest.raises(ConfigError, match="mixes sequences: the logits of one change with the"):
        model_of(given(MIXING[kind]))


def test_vectors_must_not_mix():
    def linear(params, inputs):
        return inputs @ params["w"]

    def init(key):
        return {"w": jnp.ones((4, 3))}

    model_of(given(linear, init), VECTORS)
    with pytest.raises(ConfigError, match="mixes sequences"):
        model_of(given(lambda p, x: linear(p, x - x.mean(axis=0, keepdims=True)), init), VECTORS)


def one_scale(value):
    return lambda p: jax.tree.map(lambda _: value, p)


WRONG_SCALES = {
    "number": (lambda p: 1.0, "do not fit its parameters: .* returned PyTreeDef"),
    "list": (lambda p: [1.0], "rate_scales that do not fit its parameters"),
    "shape": (one_scale(np.ones(3)), r"of shape \[3\] for the parameters \['table'\]"),
    "nan": (one_scale(np.nan), r"of nan for the parameters \['table'\]; they must be finite"),
    "negative": (one_scale(-1.0), "of -1.0 for the parameters"),
    "one of many": (one_scale(np.array([1.0, 1, -2, 1, 1])), "of -2.0 for the parameters"),
    "words": (one_scale("fast"), "rate_scales that fail: TypeError"),
    "breaks": (lambda p: p["weights"], "rate_scales that fail: KeyError: 'weights'"),
}


@pytest.mark.parametrize("kind", WRONG_SCALES)
def test_wrong_rate_scales_are_refused_before_training(kind):
    scales, message = WRONG_SCALES[kind]
    with pytest.raises(ConfigError, match=rf"^family: model 'model' has .*{message}"):
        model_of(Table(), rate_scales=scales)


def test_rate_scales_are_part_of_the_model():
    long = np.ones((V, V), np.float32)
    other = long.copy()
    other[2, 2] = 0.0
    scales = (None, one_scale(0.5), one_scale(0.25), one_scale(long), one_scale(other))
    assert len({model_of(Table(), rate_scales=s).fingerprint for s in scales}) == len(scales)
