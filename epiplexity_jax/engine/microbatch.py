"""Choice of the sequences that a device works on at once, where the config does not say.

A rule and no measurement at run time, as the size of a slice decides how sums are rounded: a run
that is resumed, or trained again, gives the same bits. benchmarks/slices.py measures it.
"""

import math

from epiplexity_jax.families.spec import Task

# A CPU core is fastest while the activations of a slice fit its cache: 512 to 1024 tokens differ by
# a tenth for widths 8 to 256, more take longer. Less makes the sum of gradients cost.
_CORE_TOKENS = 512
# An accelerator wants all it can get; only logits, of the largest vocabularies, must be cut.
_LOGITS = 2**28  # entries: 1 GiB in float32


def divisors(number: int) -> list[int]:
    """List the divisors of a positive number, in order.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    small = [n for n in range(1, math.isqrt(number) + 1) if number % n == 0]
    return sorted({*small, *(number // n for n in small)})


def training_slice(sequences: int, task: Task, on_cpu: bool) -> int:
    """Choose the sequences of a batch whose gradient is taken at once.

    On a CPU the divisor whose tokens are nearest to 512, by ratio; on an accelerator the batch
    whole. Never more than 2^28 logits, but at least one sequence.

    Args:
        sequences: number of sequences of the batch; the result divides it.
        task: the model's task.
        on_cpu: whether CPU cores train.
    """
    fitting = _fitting(sequences, task)
    if not on_cpu:
        return fitting[-1]
    each = task.input_length
    return min(fitting, key=lambda n: max(n * each / _CORE_TOKENS, _CORE_TOKENS / (n * each)))


def scoring_slice(sequences: int, task: Task, on_cpu: bool, most: int | None = None) -> int:
    """Choose the sequences scored at once: as `training_slice`, but up to 64 on accelerators.

    Args:
        sequences: number of sequences of the eval batch; the result divides it.
        task: the model's task.
        on_cpu: whether CPU cores score.
        most: a bound that memory sets, or None.
    """
    usual = training_slice(sequences, task, on_cpu) if on_cpu else 64
    usual = usual if most is None else min(usual, most)
    return max(n for n in _fitting(sequences, task) if n <= usual)


def _fitting(sequences: int, task: Task) -> list[int]:
    """Divisors of a number of sequences, in order, whose logits are not too many."""
    each = task.label_tokens * task.vocab_size
    return [n for n in divisors(sequences) if n == 1 or n * each <= _LOGITS]
