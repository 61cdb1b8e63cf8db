"""The component of a mixed source that each training sequence of a member is from."""

import dataclasses

import numpy as np
from jaxtyping import Array, Integer

from epiplexity_jax.engine.stream import Stream
from epiplexity_jax.sources.components import num_components

_KEPT = 4  # chunks: no more spans of the loop are on their way than the throttle lets there be

Sequences = Integer[np.ndarray | Array, "steps sequences"]


class StreamComponents:
    """Reads components beside a stream, in the thread that collects results.

    Attributes:
        count: K; where it is 1 nothing is read.

    Args:
        stream: the member's; None stands for a source of one component.
    """

    def __init__(self, stream: Stream | None = None):
        self.count = 1 if stream is None else num_components(stream.source)
        if stream is not None and stream.split is not None:
            stream = dataclasses.replace(stream, split=stream.split.apart())
        self._stream = stream
        self._chunks: dict[int, Sequences] = {}

    def ask(self, first: int, count: int) -> None:
        """Begin to compute the components of batches, so that `read` does not wait for later work.

        Args:
            first: number of the first batch.
            count: number of batches.
        """
        if self.count > 1 and self._stream and self._stream.split is None:
            for number in self._numbers(first, count):
                self._chunk(number)

    def read(self, first: int, count: int) -> Integer[np.ndarray, "steps sequences"] | None:
        """Components of batches [count, B], in 0 to K - 1; None where there is one, or no batch.

        Args:
            first: number of the first batch.
            count: number of batches.
        """
        if self.count == 1 or self._stream is None or not count:
            return None
        if self._stream.split is not None:
            return np.asarray(self._stream.components(first, count))
        numbers = self._numbers(first, count)
        whole = np.concatenate([np.asarray(self._chunk(number)) for number in numbers])
        start = first - numbers[0] * self._length
        return whole[start : start + count]

    @property
    def _length(self) -> int:
        assert self._stream is not None
        return self._stream.chunk_steps

    def _numbers(self, first: int, count: int) -> range:
        return range(first // self._length, -(-(first + count) // self._length))

    def _chunk(self, number: int) -> Sequences:
        """A chunk of one shape, so that a drawn source compiles once."""
        if number not in self._chunks:
            assert self._stream is not None
            for old in [n for n in self._chunks if n <= number - _KEPT or n > number]:
                del self._chunks[old]
            found = self._stream.components(number * self._length, self._length)
            self._chunks[number] = found
        return self._chunks[number]
