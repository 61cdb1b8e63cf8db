"""Small device sources for the tests of the engine."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from epiplexity_jax.families.spec import Task
from epiplexity_jax.sources.spec import SourceInfo


@dataclass(frozen=True)
class CycleSampler:
    """Token t+1 = token t + stride mod V, a random start and one of two strides per sequence."""

    vocab_size: int
    length: int

    def __call__(self, parameters, key, count):
        start_key, stride_key = jax.random.split(key)
        start = jax.random.randint(start_key, (count, 1), 0, self.vocab_size)
        stride = parameters[jax.random.randint(stride_key, (count, 1), 0, 2)]
        return (start + stride * jnp.arange(self.length)[None]) % self.vocab_size


@dataclass(frozen=True, eq=False)
class Cycle:
    info: SourceInfo
    sampler: CycleSampler
    parameters: jax.Array


def cycle(strides=(1, 3), vocab_size=8, length=16, mask=None):
    mask = np.ones(length, bool) if mask is None else np.asarray(mask, bool)
    info = SourceInfo(
        vocab_size=vocab_size, length=length, label_mask=mask, fingerprint=f"cycle{strides}"
    )
    return Cycle(info, CycleSampler(vocab_size, length), jnp.array(strides, jnp.int32))


def task_of(source):
    info = source.info
    return Task(info.vocab_size, info.length, tuple(bool(m) for m in info.label_mask))
