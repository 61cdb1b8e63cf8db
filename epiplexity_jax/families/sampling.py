"""Sampling of labels from a model at temperature 1: one by one, each given those before it.

The labels of sequence b of a batch are those of `jax.random.categorical(fold_in(key, b), logits)`,
with its logits [P, V], whichever way these were computed: all ways draw the same sequences, and a
part of a batch draws what the whole would. The noise is float32, which leaves symbols of a
probability below about 1e-7 biased.

Shapes: B batch, L length, P target positions, V vocabulary.
"""

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int32, Int64, Integer, Key

from epiplexity_jax.families.spec import Decoder, Inputs, Logits, Model, Start, Task
from epiplexity_jax.sources.spec import Batch, MaskedTokens, Vectors, WithReals

Sequences = Integer[Array, "batch length"]
Paid = Bool[Array, "batch targets"]
GumbelNoise = Float32[Array, "targets batch vocab"]

ROOM = 128  # positions for which another loop, with a larger cache, is worth its compilation
MOST_LOOPS = 4


def sample(
    model: Model, params: Any, batch: Batch, key: Key[Array, ""], first: Start = 0
) -> tuple[Batch, Logits]:
    """Replace every label of a batch by a draw from the model; inputs are kept.

    An input that follows a label is read after the label that was drawn. Tokens that a sequence
    does not pay for are inputs. A model that is a `Decoder` reads every token once, others read the
    whole sequence for every label; so do all where a vector of real numbers follows a label.

    Args:
        model: the model.
        params: its parameters.
        batch: [B, L] integers, without a BOS token, `MaskedTokens`, `WithReals` or `Vectors`: its
            inputs condition the labels, its own labels are not read.
        key: a typed key, of the whole batch.
        first: number of the first sequence, where this is a part of a batch.

    Returns:
        A batch of the same structure, types and inputs; and the logits [B, P, V] float32 that its
        labels were drawn from.
    """
    task = model.task
    reals_first = max(task.real_inputs, default=0) <= task.target_positions[0]
    if task.label_tokens > 1 and isinstance(model, Decoder) and reals_first:
        batch = jax.tree.map(jnp.asarray, batch)
        noise = _noise(key, first, _tokens(batch).shape[0], task)
        drawn, logits = _sample_by_decoding(model, params, batch, noise)
        return _with_tokens(batch, drawn), logits
    return sample_by_forward(model, params, batch, key, first)


def sample_by_forward(
    model: Model, params: Any, batch: Batch, key: Key[Array, ""], first: Start = 0
) -> tuple[Batch, Logits]:
    """See `sample`: the way for any model, a pass over the whole sequence for every label."""
    task = model.task
    places = jnp.asarray(np.flatnonzero(task.label_mask))
    noise = _noise(key, first, jax.tree.leaves(batch)[0].shape[0], task)

    def draw(batch: Batch, number: jax.Array | int) -> tuple[Batch, jax.Array]:
        every = model.logits(params, _inputs(batch, task))
        logits = jax.lax.dynamic_index_in_dim(every, number, axis=1, keepdims=False)
        drawn = _largest(logits + noise[number])
        if isinstance(batch, Vectors):
            labels = drawn.reshape(batch.labels.shape).astype(batch.labels.dtype)
            return Vectors(batch.inputs, labels), logits
        tokens, place = _tokens(batch), places[number]
        drawn = drawn.astype(tokens.dtype)
        if isinstance(batch, MaskedTokens):
            drawn = jnp.where(batch.mask[:, place], drawn, tokens[:, place])
        return _with_tokens(batch, tokens.at[:, place].set(drawn)), logits

    batch = jax.tree.map(jnp.asarray, batch)
    if task.label_tokens == 1:
        batch, logits = draw(batch, 0)
        return batch, logits[:, None]
    batch, logits = jax.lax.scan(draw, batch, jnp.arange(task.label_tokens))
    return batch, logits.swapaxes(0, 1)


class _Steps(NamedTuple):
    """Reading of the inputs behind the first label, in S steps of `size` tokens each."""

    size: int  # the first of a step's tokens may have been drawn
    starts: Int64[np.ndarray, " steps"]  # position of each step's first token
    labels: Int64[np.ndarray, " steps"]  # number of the label that follows each step
    is_target: Bool[np.ndarray, " steps"]  # True if a label follows


def _steps(task: Task) -> _Steps:
    """Make a step for each label where labels are at equal distances, else for each token."""
    targets = np.asarray(task.target_positions)
    distances = np.diff(targets)
    size = int(distances[0]) if (distances == distances[0]).all() else 1
    starts = np.arange(targets[0] + 1, targets[-1] + 1, size)
    last = starts + size - 1
    # A number is not used where no label follows.
    return _Steps(size, starts, np.searchsorted(targets, last), np.isin(last, targets))


def _sample_by_decoding(
    model: Any, params: Any, whole: Batch, noise: GumbelNoise
) -> tuple[Sequences, Logits]:
    """Decode the inputs up to the first label at once, with all reals, then the rest in steps.

    `noise` [P, B, V] is added to the logits of each label; a sequence keeps those of the P that it
    does not pay for.
    """
    task: Task = model.task
    batch, paid, read = _tokens(whole), task.paid(whole), _inputs(whole, task)
    inputs, steps, first = _tokens(read), _steps(task), task.target_positions[0] + 1
    size, labels = inputs.shape[0], np.flatnonzero(task.label_mask)
    opening = _with_tokens(read, inputs[:, :first])
    logits, cache = model.decode(params, model.empty_cache(size, first), opening, 0)
    token = _largest(logits + noise[0])
    if paid is not None:
        token = jnp.where(paid[:, 0], token, batch[:, labels[0]].astype(token.dtype))
    found = [(token[None], logits[None])]

    def step(carry: Any, at: Any) -> tuple[Any, Any]:
        token, cache = carry
        start, is_drawn, added, given, following = at
        read = jnp.concatenate([token[:, None], given], axis=1)
        logits, cache = model.decode(params, cache, read, start)
        drawn = _largest(logits + added)
        return (jnp.where(is_drawn, drawn, following), cache), (drawn, logits)

    given = inputs.T[steps.starts[:, None] + np.arange(1, steps.size)].swapaxes(1, 2)
    following = inputs.T[np.minimum(steps.starts + steps.size, task.input_length - 1)]
    is_drawn: Any = steps.is_target
    if paid is not None:
        is_drawn = steps.is_target[:, None] & paid.T[steps.labels]
    every = (steps.starts, is_drawn, noise[steps.labels], given, following)
    for part in _loops(model, size, steps):
        room = int(steps.starts[part][-1]) + steps.size
        cache = jax.tree.map(
            lambda new, old: jax.lax.dynamic_update_slice(new, old, (0,) * old.ndim),
            model.empty_cache(size, room),
            cache,
        )
        at = jax.tree.map(lambda x, part=part: x[part], every)
        (token, cache), results = jax.lax.scan(step, (token, cache), at)
        if not steps.is_target.all():
            at_targets = np.flatnonzero(steps.is_target[part])
            results = jax.tree.map(lambda x, at=at_targets: x[at], results)
        found.append(results)
    drawn, logits = (jnp.concatenate(parts) for parts in zip(*found, strict=True))
    drawn = drawn.T.astype(batch.dtype)
    if paid is not None:
        drawn = jnp.where(paid, drawn, batch[:, labels])
    return batch.at[:, labels].set(drawn), logits.swapaxes(0, 1)


def _loops(model: Any, size: int, steps: _Steps) -> list[slice]:
    """Divide the steps into up to four loops: each reads a growing cache as far as it fills it."""
    count = len(steps.starts)
    one, two = (jax.eval_shape(lambda room=room: model.empty_cache(size, room)) for room in (1, 2))
    loops = 1 if one == two else max(1, min(MOST_LOOPS, count, count * steps.size // ROOM))
    edges = np.linspace(0, count, loops + 1).astype(int).tolist()
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def _noise(key: Key[Array, ""], first: Start, count: int, task: Task) -> GumbelNoise:
    """Noise of the logits of sequences first..first+count-1: [P, count, V] float32.

    For all labels at once, in an array as large as the logits, it takes half of the time of a loop.
    """
    shape = (task.label_tokens, task.vocab_size)
    keys = jax.vmap(lambda number: jax.random.fold_in(key, number))(first + jnp.arange(count))
    return jax.vmap(lambda own: jax.random.gumbel(own, shape, jnp.float32), out_axes=1)(keys)


def _largest(x: Float[Array, "batch vocab"]) -> Int32[Array, " batch"]:
    """The index [B] of the first of the largest entries of x [B, V]; V - 1 where one is NaN.

    A CPU computes `argmax` entry by entry; these two reductions take a quarter of its time.
    """
    last = x.shape[-1] - 1
    places = jax.lax.broadcasted_iota(jnp.int32, x.shape, 1)
    return jnp.where(x == x.max(-1, keepdims=True), places, last).min(-1)


def _tokens(batch: Batch) -> Sequences:
    return batch.tokens if isinstance(batch, MaskedTokens | WithReals) else batch


def _with_tokens(batch: Batch, tokens: Sequences) -> Batch:
    return batch._replace(tokens=tokens) if isinstance(batch, MaskedTokens | WithReals) else tokens


def _inputs(batch: Batch, task: Task) -> Inputs:
    """Inputs of the model: vectors, or tokens [B, input_length] int32 behind a BOS token."""
    if isinstance(batch, Vectors):
        return batch.inputs
    tokens = _tokens(batch)[:, :-1].astype(jnp.int32)
    if task.has_bos:
        tokens = jnp.pad(tokens, ((0, 0), (1, 0)), constant_values=task.num_input_ids - 1)
    return WithReals(tokens, batch.reals) if isinstance(batch, WithReals) else tokens
