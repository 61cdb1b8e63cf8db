"""How batches and eval batches are cut where nobody says."""

import pytest

from epiplexity_jax.engine.microbatch import scoring_slice, training_slice
from epiplexity_jax.families.spec import Task


def task(length, vocab_size=96, labels=None):
    paid = length if labels is None else labels
    return Task(vocab_size, length, (False,) * (length - paid) + (True,) * paid)


@pytest.mark.parametrize(
    ("sequences", "length", "expected"),
    [
        (64, 64, 8),  # 512 tokens
        (64, 128, 4),
        (64, 512, 1),
        (64, 2048, 1),  # never less than a sequence
        (64, 4, 64),  # 256 tokens, all there are
        (48, 64, 8),
        (7, 64, 7),  # 448 are nearer than 64
        (61, 64, 61),  # 3,904 are nearer, by ratio, than 64
        (61, 256, 1),
        (1, 64, 1),
    ],
)
def test_a_core_takes_about_512_tokens(sequences, length, expected):
    assert training_slice(sequences, task(length), on_cpu=True) == expected
    assert scoring_slice(sequences, task(length), on_cpu=True) == expected
    assert sequences % expected == 0


def test_positions_that_are_read_count_and_not_labels():
    """127 are read of 128 tokens, of which the last 64 are labels: 4 sequences are 508."""
    assert training_slice(384, task(128, 2, labels=64), on_cpu=True) == 4
    vectors = Task(10, 2, (False, True), features=784)
    assert training_slice(64, vectors, on_cpu=True) == 64


def test_accelerators_take_batches_whole_and_eval_batches_by_64():
    assert training_slice(1536, task(128), on_cpu=False) == 1536
    assert scoring_slice(1536, task(128), on_cpu=False) == 64
    assert scoring_slice(100, task(128), on_cpu=False) == 50


@pytest.mark.parametrize("on_cpu", [True, False])
def test_logits_of_a_large_vocabulary_are_cut(on_cpu):
    """At most 2^28 at once, and a sequence at least."""
    large = task(512, 50_000)
    assert training_slice(64, large, on_cpu) == (1 if on_cpu else 8)
    assert 8 * 512 * 50_000 <= 2**28 < 16 * 512 * 50_000
    assert scoring_slice(64, large, on_cpu) == (1 if on_cpu else 8)
    assert training_slice(64, task(8192, 50_000), on_cpu) == 1
