"""The n-gram family: its slow twin, its independence of block sizes, its costs and refusals."""

import math

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.families import ngram
from epiplexity_jax.families.ngram import Ngram, NgramCoder, NgramFamily
from epiplexity_jax.families.spec import Size, Task
from epiplexity_jax.sources.spec import MaskedTokens

V, L = 4, 9
TEXT = Task(V, L, (True,) * L)
CONDITIONAL = Task(V, L, (False,) * 4 + (True,) * 5)
SEQUENCES = np.random.default_rng(0).integers(V, size=(60, L)) ** 2 % V


def twin(order, alpha, task, sequences):
    """A dictionary of counts, one token at a time: nats per sequence, and the counts."""
    counts, losses = {}, []
    for row in sequences.tolist():
        loss = 0.0
        for i in range(task.length):
            if not task.label_mask[i]:
                continue
            context = tuple((["start"] * order + row)[i : i + order])
            seen = counts.setdefault(context, [0] * task.vocab_size)
            loss -= math.log((seen[row[i]] + alpha) / (sum(seen) + alpha * task.vocab_size))
            seen[row[i]] += 1
        losses.append(loss)
    return np.array(losses), counts


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("task", [TEXT, CONDITIONAL], ids=["text", "conditional"])
@pytest.mark.parametrize(("order", "alpha"), [(0, 0.5), (1, 0.5), (2, 1.0), (3, 0.2), (11, 0.5)])
def test_counts_equal_the_slow_twin(order, alpha, task, sparse, monkeypatch):
    if sparse:
        monkeypatch.setattr(ngram, "_DENSE_CELLS", 0)
    expected, _ = twin(order, alpha, task, SEQUENCES)
    coder = NgramCoder(order, alpha, task)
    coded = np.concatenate([coder.observe(SEQUENCES[a:b]) for a, b in [(0, 1), (1, 25), (25, 60)]])
    np.testing.assert_allclose(coded, expected, rtol=1e-12)


def test_tokens_that_are_not_paid_for_are_context_alone():
    drawn = np.random.default_rng(1)
    mask = np.arange(L) < drawn.integers(0, L + 1, (60, 1))
    mask &= drawn.random((60, L)) < 0.8
    task, batch = Task(V, L, (True,) * L, labels_vary=True), MaskedTokens(SEQUENCES, mask)
    for order in (0, 1, 2):
        counts, expected = {}, []
        for row, paid in zip(SEQUENCES.tolist(), mask.tolist(), strict=True):
            loss = 0.0
            for i in np.flatnonzero(paid):
                seen = counts.setdefault(tuple((["start"] * order + row)[i : i + order]), [0] * V)
                loss -= math.log((seen[row[i]] + 0.5) / (sum(seen) + 0.5 * V))
                seen[row[i]] += 1
            expected.append(loss)
        coder = NgramCoder(order, 0.5, task)
        np.testing.assert_allclose(coder.observe(batch), expected, rtol=1e-12)
        assert coder.evaluate(batch)[~mask.any(axis=1)].sum() == 0.0


def test_ragged_rows_cost_what_the_closed_form_says():
    """The KT code of n_v symbols v: ln Gamma(n + V/2) / Gamma(V/2) less those of the symbols."""
    mask = np.arange(L) < np.random.default_rng(2).integers(0, L + 1, (60, 1))
    task = Task(V, L, (True,) * L, labels_vary=True)
    coded = NgramCoder(0, 0.5, task).observe(MaskedTokens(SEQUENCES, mask)).sum()
    counts = np.bincount(SEQUENCES[mask], minlength=V)
    expected = math.lgamma(counts.sum() + V / 2) - math.lgamma(V / 2)
    expected -= sum(math.lgamma(n + 0.5) - math.lgamma(0.5) for n in counts.tolist())
    assert coded == pytest.approx(expected, rel=1e-12)


def test_blocks_of_any_size_give_the_same_code(monkeypatch):
    whole = NgramCoder(2, 0.5, TEXT).observe(SEQUENCES)
    monkeypatch.setattr(ngram, "_PART_TOKENS", 5 * L)
    np.testing.assert_array_equal(NgramCoder(2, 0.5, TEXT).observe(SEQUENCES), whole)


def test_evaluating_learns_nothing_and_uses_all_that_was_seen():
    coder = NgramCoder(1, 0.5, TEXT)
    np.testing.assert_allclose(coder.evaluate(SEQUENCES), L * math.log(V))
    coder.observe(SEQUENCES)
    _, counts = twin(1, 0.5, TEXT, SEQUENCES)
    first = coder.evaluate(SEQUENCES)
    expected = [
        -sum(
            math.log((counts[c][v] + 0.5) / (sum(counts[c]) + 0.5 * V))
            for c, v in zip([("start",), *((t,) for t in row)], row, strict=False)
        )
        for row in SEQUENCES.tolist()
    ]
    np.testing.assert_allclose(first, expected, rtol=1e-12)
    np.testing.assert_array_equal(coder.evaluate(SEQUENCES), first)


def test_inputs_are_context_only():
    """Changing inputs out of the reach of every context changes nothing."""
    coder = NgramCoder(1, 0.5, CONDITIONAL)
    before = coder.observe(SEQUENCES)
    changed = SEQUENCES.copy()
    changed[:, :3] = (changed[:, :3] + 1) % V
    np.testing.assert_array_equal(NgramCoder(1, 0.5, CONDITIONAL).observe(changed), before)


def test_later_sequences_do_not_change_earlier_codes():
    changed = SEQUENCES.copy()
    changed[30:] = (changed[30:] + 1) % V
    one, other = (NgramCoder(2, 0.5, TEXT).observe(s) for s in (SEQUENCES, changed))
    np.testing.assert_array_equal(one[:30], other[:30])
    assert (one[30:] != other[30:]).any()


@pytest.mark.parametrize(
    ("order", "task", "params"),
    [
        (0, TEXT, V),
        (1, TEXT, V + V * V),
        (2, TEXT, V + V**2 + V**3),
        (2, CONDITIONAL, V**3),
        (5, CONDITIONAL, V**5 + V**6),
    ],
)
def test_params_are_the_counts_of_contexts_that_can_occur(order, task, params):
    cost = NgramCoder(order, 0.5, task).cost
    assert cost.params == params
    assert cost.train_flops_per_token == ngram.TRAIN_FLOPS
    assert cost.eval_flops_per_token == ngram.EVAL_FLOPS


def test_the_family_lists_its_orders():
    family = NgramFamily(Ngram(orders=(0, 3), seeds=2))
    assert family.sizes() == (Size.of(order=0), Size.of(order=3))
    assert family.seeds == 2
    assert family.coder(Size.of(order=3), TEXT).order == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"orders": (-1,)}, "orders: must not be negative, got -1"),
        ({"orders": (1, 1)}, "orders: each value once, got [1, 1]"),
        ({"orders": ()}, "orders: needs at least one entry"),
        ({"orders": (0, 1.5)}, "orders.1: input should be a valid integer"),
        ({"alpha": math.inf}, "alpha: input should be a finite number, got inf"),
        ({"alpha": 0.0}, "alpha: input should be greater than 0, got 0.0"),
        ({"seeds": 0}, "seeds: input should be greater than or equal to 1, got 0"),
        ({"order": (1,)}, "unknown key 'order'; did you mean 'orders'?"),
    ],
)
def test_impossible_families_are_refused_in_one_line(arguments, sentence):
    with pytest.raises(ConfigError) as caught:
        Ngram(**arguments)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_too_many_contexts_are_refused():
    with pytest.raises(
        ConfigError, match="order 20 over 96 symbols has too many contexts; at most 8"
    ):
        NgramCoder(20, 0.5, Task(96, L, (True,) * L))


@pytest.mark.parametrize(
    ("sequences", "sentence"),
    [
        (np.full((2, L), V), "tokens must lie in 0..3, got 4"),
        (np.full((2, L), -1), "tokens must lie in 0..3, got -1"),
        (np.zeros((2, L + 1), np.int64), r"expected \[n, 9\], got \(2, 10\)"),
    ],
)
@pytest.mark.parametrize("call", ["observe", "evaluate"])
def test_tokens_outside_the_alphabet_are_refused(call, sequences, sentence):
    with pytest.raises(DataError, match=sentence):
        getattr(NgramCoder(1, 0.5, TEXT), call)(sequences)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_tokens_of_any_integer_type_are_read(dtype):
    expected = NgramCoder(2, 0.5, TEXT).observe(SEQUENCES)
    coded = NgramCoder(2, 0.5, TEXT).observe(SEQUENCES.astype(dtype))
    np.testing.assert_array_equal(coded, expected)
    assert coded.dtype == np.float64


def test_no_sequences_cost_nothing():
    coder = NgramCoder(2, 0.5, TEXT)
    assert coder.observe(SEQUENCES[:0]).shape == (0,)
    assert coder.evaluate(SEQUENCES[:0]).shape == (0,)
