"""Code lengths against numbers worked out by hand."""

import ast
from pathlib import Path

import numpy as np
import pytest

from epiplexity_jax import coding
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import lengths

LN2 = np.log(2.0)


def test_data_and_uniform_lengths_agree_for_a_uniform_loss():
    assert coding.data_length(np.log(96), 1e8) == pytest.approx(coding.uniform_length(1e8, 96))
    assert coding.uniform_length(1e8, 96) == pytest.approx(1e8 * np.log2(96))


def test_inputs_of_any_precision_give_float64():
    losses = np.array([3.0, 2.0, 1.0], dtype=np.float32)
    for bits in (
        coding.data_length(losses, 10),
        coding.paired_length([0, 1, 2], losses, 4),
        coding.online_length(losses, [0, 1, 2], np.float32(1.0)),
    ):
        assert np.asarray(bits).dtype == np.float64
        assert np.shape(bits) == (3,)


def test_online_length_is_sum_above_floor_and_moves_with_the_floor():
    sums, labels = np.array([0.0, 400.0, 700.0]), np.array([0, 100, 200])
    bits = coding.online_length(sums, labels, 3.0)
    np.testing.assert_allclose(bits * LN2, [0.0, 100.0, 100.0])
    moved = coding.online_length(sums, labels, 3.0 + 0.001)
    np.testing.assert_allclose(moved - bits, -labels * 0.001 / LN2)
    np.testing.assert_allclose(
        coding.data_length(3.001, 1e8) - coding.data_length(3.0, 1e8), 1e8 * 0.001 / LN2
    )


def test_online_and_paired_agree_when_the_training_loss_is_the_held_out_loss():
    steps = np.arange(2001)
    losses = 1.0 + 3.0 * (1 + steps / 20.0) ** -0.5
    points = coding.record_points(2000)
    online = np.concatenate([[0.0], np.cumsum(losses[:-1])])[points] * 640
    paired = coding.paired_length(points, losses[points], 640)
    area = np.asarray(coding.online_length(online, points * 640, losses[points]))
    np.testing.assert_allclose(paired[1:], area[1:], rtol=1e-3, atol=1e-6)


def test_errors_add_in_quadrature():
    bits = coding.online_length_error(9.0 * LN2**2, 100, 0.04 * LN2)
    assert bits == pytest.approx(5.0)
    assert coding.data_length_error(0.001 * LN2, 1e6) == pytest.approx(1000.0)


def test_time_counts_inputs_and_labels():
    train, evaluate = coding.dense_flops(1000)
    assert coding.time_bound(5e6, 1e6, 2.0, train, evaluate) == 6e3 * 5e6 + 2e3 * 1e6 * 2.0
    assert coding.time_bound(0, 1e6, 1.0, train, evaluate) == 2e9


def test_units_of_a_length():
    assert coding.per_token(3e8, 1e8) == 3.0
    assert coding.per_byte(3e8, 1e8, 1.5) == 2.0
    assert coding.per_symbol(3e8, 1e8, 3.0) == 1.0


def test_choosing_among_candidates_costs_their_logarithm():
    assert coding.selection_bits(1024) == 10.0
    np.testing.assert_array_equal(coding.two_part(1.0, np.array([2.0, 3.0])), [3.0, 4.0])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: coding.uniform_length(0, 96), "test_tokens: must be finite and positive, got 0"),
        (lambda: coding.uniform_length(-5, 96), "test_tokens: must be finite and positive, got -5"),
        (lambda: coding.uniform_length(10, 1), "vocab_size: must be at least 2, got 1"),
        (lambda: coding.data_length(np.nan, 10), "loss_nats: must be finite"),
        (
            lambda: coding.data_length(1.0, np.inf),
            "test_tokens: must be finite and positive, got inf",
        ),
        (
            lambda: coding.online_length(1.0, -1, 1.0),
            "label_tokens: must be finite and not negative",
        ),
        (lambda: coding.time_bound(1, 1, 0.5, 6, 2), "tokens_per_label: must be at least 1"),
        (
            lambda: coding.time_bound(1, 1, 1.0, -6, 2),
            "train_flops_per_token: must be finite and not negative",
        ),
        (lambda: coding.time_bound(1, 1, np.nan, 6, 2), "tokens_per_label: must be at least 1"),
        (lambda: coding.dense_flops(-1), "params: must not be negative, got -1"),
        (
            lambda: coding.data_length(1.0, [1.0, np.inf]),
            "test_tokens: must be finite and positive, got inf",
        ),
        (lambda: coding.data_length("much", 10), "loss_nats: expected numbers"),
        (lambda: coding.data_length([[1.0, 2.0], [3.0]], 10), "loss_nats: expected numbers"),
        (
            lambda: coding.data_length_error(np.nan, 10),
            "stderr_nats: must be finite and not negative",
        ),
        (
            lambda: coding.data_length_error(-0.1, 10),
            "stderr_nats: must be finite and not negative",
        ),
        (
            lambda: coding.data_length([1.0, 2.0], [1, 2, 3]),
            r"shapes do not fit each other: loss_nats \(2,\), test_tokens \(3,\)",
        ),
        (lambda: coding.two_part([1.0, 2.0], [1, 2, 3]), "shapes do not fit"),
        (lambda: coding.online_length([1.0, 2.0], [1, 2, 3], 0.0), "shapes do not fit"),
        (lambda: coding.online_length(1.0, 1, np.inf), "floor_nats: must be finite"),
        (
            lambda: coding.online_length_error(-1.0, 1, 0.0),
            "online_sum_var: must be finite and not negative",
        ),
        (
            lambda: coding.online_length_error(1.0, 1, -1.0),
            "floor_stderr_nats: must be finite and not",
        ),
        (lambda: coding.paired_length([0, 1], [1.0], 4), "losses_nats: expected 2 in the last"),
        (lambda: coding.paired_length([0, 1], [2.0, 1.0], [4, 4]), "label_tokens_per_step: exp"),
        (
            lambda: coding.paired_length([0, 1], [2.0, 1.0], 0),
            "label_tokens_per_step: must be finite and pos",
        ),
        (lambda: coding.per_token(1.0, 0), "tokens: must be finite and positive"),
        (lambda: coding.selection_bits(0), "candidates: must be at least 1"),
        (lambda: coding.per_byte(1.0, 1, 0.0), "bytes_per_token: must be finite and positive"),
    ],
)
def test_impossible_numbers_are_refused(call, sentence):
    with pytest.raises(ConfigError, match=sentence):
        call()


def test_annotations_name_the_unit_that_the_docstring_says():
    """Bits and FLOPs are numbers alike, so the checker of types cannot tell them apart."""
    tree = ast.parse(Path(lengths.__file__).read_text(encoding="utf-8"))
    units = {
        node.name: (ast.unparse(node.returns), (ast.get_docstring(node) or "").split()[0])
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.returns is not None
    }
    assert units["time_bound"] == ("Flops", "FLOPs")
    for returned, first in units.values():
        assert (returned == "Flops") == (returned != "tuple[float, float]" and first == "FLOPs")
