"""Every registered family keeps to the protocols: shapes, counts, costs, causality, masks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.engine.step import sequence_losses
from epiplexity_jax.families import registry
from epiplexity_jax.families.spec import DeviceFamily, HostFamily, Task

# A small config of each kind.
EXAMPLES = {
    "transformer": {"widths": [8, 16], "depths": [1, 2], "seeds": 2},
    "mlp": {"widths": [8, 16], "depths": [1, 2], "window": 4, "seeds": 2},
    "recurrent": {"widths": [8, 16], "depths": [1, 2], "seeds": 2},
    "ngram": {"orders": [0, 1, 2], "seeds": 2},
}
LENGTH = 10
# Every input position can hold a symbol of its own, so a table of embeddings tells who reads whom.
TASKS = {
    "all": Task(12, LENGTH, (True,) * LENGTH),
    "second half": Task(12, LENGTH, (False,) * 5 + (True,) * 5),
    "scattered": Task(12, LENGTH, tuple(i % 3 == 2 for i in range(LENGTH))),
    "one label": Task(3, LENGTH, (False,) * (LENGTH - 1) + (True,), input_vocab_size=12),
}
VECTORS = Task(3, 2, (False, True), features=6)


def family_of(kind):
    return registry.open_family(registry.parse({"kind": kind, **EXAMPLES[kind]}, "family"))


DEVICE = [k for k in EXAMPLES if isinstance(family_of(k), DeviceFamily)]
HOST = [k for k in EXAMPLES if k not in DEVICE]
device_kinds = pytest.mark.parametrize("kind", DEVICE)
tasks = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


@functools.cache
def moved(kind, task, size=-1):
    """The largest model and parameters away from the zeros of the initialisation."""
    family = family_of(kind)
    model = family.model(family.sizes()[size], task, "float32", "cpu")
    generator = np.random.default_rng(0)
    params = jax.tree.map(
        lambda x: x + 0.3 * generator.standard_normal(x.shape).astype(np.float32),
        jax.jit(model.init)(jax.random.key(0)),
    )
    return model, params


def sequences_of(task, count=4, seed=0):
    """[count, L] tokens: inputs in their alphabet, labels in theirs."""
    generator = np.random.default_rng(seed)
    tokens = generator.integers(0, task.input_vocab_size or task.vocab_size, (count, task.length))
    labels = np.flatnonzero(task.label_mask)
    tokens[:, labels] = generator.integers(0, task.vocab_size, (count, len(labels)))
    return tokens


def losses_of(model, params, task):
    compiled = jax.jit(lambda params, tokens: sequence_losses(model, params, tokens))
    return np.asarray(compiled(params, sequences_of(task)))


def test_every_kind_has_an_example():
    assert {kind["kind"] for kind in registry.kinds()} == set(EXAMPLES)
    assert HOST == ["ngram"]


def test_kinds_are_described():
    for kind in registry.kinds():
        assert kind["summary"].endswith(".")
        for parameter in kind["parameters"]:
            assert parameter["description"], (kind["kind"], parameter["name"])


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_family_is_its_sizes_times_seeds(kind):
    family = family_of(kind)
    assert family.kind == kind
    assert family.seeds == 2
    sizes = family.sizes()
    assert len(set(sizes)) == len({str(size) for size in sizes}) == len(sizes) > 1
    assert isinstance(family, HostFamily) == (kind in HOST)


@device_kinds
@tasks
def test_shapes_counts_and_costs(kind, task):
    family = family_of(kind)
    for size in family.sizes():
        model = family.model(size, task, "float32", "cpu")
        shapes = jax.eval_shape(model.init, jax.random.key(0))
        leaves = jax.tree.leaves(shapes)
        assert {leaf.dtype for leaf in leaves} == {np.dtype(np.float32)}
        assert model.cost.params == sum(leaf.size for leaf in leaves)
        train, evaluate = model.cost.train_flops_per_token, model.cost.eval_flops_per_token
        assert train == pytest.approx(3 * evaluate)
        used = task.label_tokens / task.total_tokens if kind == "mlp" else 1.0
        assert 2 * model.cost.params * used <= evaluate < 4 * model.cost.params
        inputs = jax.ShapeDtypeStruct((3, task.input_length), jnp.int32)
        logits = jax.eval_shape(model.logits, shapes, inputs)
        assert logits.shape == (3, task.label_tokens, task.vocab_size)
        assert logits.dtype == np.float32
        scales = model.rate_scales(shapes)
        assert jax.tree.structure(scales) == jax.tree.structure(shapes)
        assert all(scale > 0 for scale in jax.tree.leaves(scales))


@device_kinds
def test_equal_arguments_give_equal_models(kind):
    family, again = family_of(kind), family_of(kind)
    size, task = family.sizes()[0], TASKS["all"]
    one, two = family.model(size, task, "float32", "cpu"), again.model(size, task, "float32", "cpu")
    assert one == two
    assert hash(one) == hash(two)
    assert one != family.model(size, task, "bfloat16", "cpu")
    assert one != family.model(size, TASKS["scattered"], "float32", "cpu")
    init = jax.jit(one.init)
    first, second = init(jax.random.key(0)), jax.jit(two.init)(jax.random.key(0))
    other = init(jax.random.key(1))
    jax.tree.map(np.testing.assert_array_equal, first, second)
    differ = [
        not np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (first, other)), strict=True)
    ]
    assert any(differ)


@device_kinds
@tasks
def test_a_prediction_reads_the_past_only(kind, task):
    """Gradients of every prediction with respect to the embedding of every input position."""
    model, params = moved(kind, task)
    inputs = jnp.arange(task.input_length)[None]  # every position has a symbol of its own

    def predictions(table):
        return jnp.tanh(model.logits({**params, "token_embedding": table}, inputs)[0]).sum(-1)

    gradients = jax.jit(jax.jacobian(predictions))(params["token_embedding"])
    reads = np.abs(np.asarray(gradients)).sum(-1)[:, : task.input_length]
    window = 4 if kind == "mlp" else LENGTH
    for row, position in zip(reads, task.target_positions, strict=True):
        assert not row[position + 1 :].any()
        assert (row[max(0, position + 1 - window) : position + 1] > 0).all()
        assert not row[: max(0, position + 1 - window)].any()


@device_kinds
def test_masks_choose_rows_of_one_prediction(kind):
    """What is paid for does not change what is predicted there."""
    whole = Task(12, LENGTH, (False,) + (True,) * (LENGTH - 1))
    model, params = moved(kind, whole)
    tokens = sequences_of(whole)[:, :-1]
    full = jax.jit(model.logits)(params, tokens)
    for name in ("second half", "scattered"):
        masked, own = moved(kind, TASKS[name])
        if jax.tree.map(jnp.shape, own) != jax.tree.map(jnp.shape, params):
            continue  # an MLP pads fewer places where the first label stands later
        paid = np.array(TASKS[name].target_positions)
        found = jax.jit(masked.logits)(params, tokens)
        np.testing.assert_allclose(found, full[:, paid], atol=2e-5)


@device_kinds
def test_untrained_models_are_uniform(kind):
    for task in TASKS.values():
        family = family_of(kind)
        model = family.model(family.sizes()[0], task, "float32", "cpu")
        losses = losses_of(model, jax.jit(model.init)(jax.random.key(0)), task)
        np.testing.assert_allclose(losses, task.label_tokens * np.log(task.vocab_size), rtol=1e-6)


@device_kinds
def test_vectors_go_in(kind):
    model, params = moved(kind, VECTORS)
    x = np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32)
    logits = jax.jit(model.logits)(params, x)
    assert logits.shape == (5, 1, 3)
    gradient = jax.jit(jax.grad(lambda x: jnp.tanh(model.logits(params, x)).sum()))(x)
    assert (np.abs(gradient) > 0).all()


@device_kinds
def test_half_precision_is_close(kind):
    task, family = TASKS["all"], family_of(kind)
    _, params = moved(kind, task)
    half = family.model(family.sizes()[-1], task, "bfloat16", "cpu")
    full = family.model(family.sizes()[-1], task, "float32", "cpu")
    one, two = (losses_of(m, params, task) for m in (half, full))
    np.testing.assert_allclose(one, two, rtol=0.05)
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("kind", HOST)
@tasks
def test_counts_look_back_only(kind, task):
    """Later labels and sequences do not move the loss of earlier ones."""
    family = family_of(kind)
    for size in family.sizes():
        tokens = sequences_of(task, count=300)
        changed = tokens.copy()
        label = int(np.flatnonzero(task.label_mask)[-1])
        changed[200:, label] = (changed[200:, label] + 1) % task.vocab_size
        one, two = (family.coder(size, task).observe(t) for t in (tokens, changed))
        np.testing.assert_array_equal(one[:200], two[:200])
        assert not np.array_equal(one[200:], two[200:])
        assert np.isfinite(one).all()


@pytest.mark.parametrize("kind", HOST)
@tasks
def test_counts_pay_for_labels_only(kind, task):
    """The first sequence costs ln V a label; what is no label is never counted."""
    family = family_of(kind)
    coder = family.coder(family.sizes()[0], task)
    assert coder.cost.params > 0
    assert coder.cost.train_flops_per_token > coder.cost.eval_flops_per_token > 0
    before = coder.evaluate(sequences_of(task))
    np.testing.assert_allclose(before, task.label_tokens * np.log(task.vocab_size), rtol=1e-12)
    tokens = sequences_of(task, count=50)
    first = coder.observe(tokens).sum()
    fresh = family.coder(family.sizes()[0], task)
    others = tokens.copy()
    inputs = ~np.asarray(task.label_mask)
    others[:, inputs] = (others[:, inputs] + 1) % (task.input_vocab_size or task.vocab_size)
    assert fresh.observe(others).sum() == pytest.approx(first, rel=1e-12)  # order 0: no context


@pytest.mark.parametrize("kind", HOST)
def test_counts_refuse_vectors(kind):
    family = family_of(kind)
    with pytest.raises(ConfigError, match="vectors"):
        family.coder(family.sizes()[0], VECTORS)
