"""Byte-level byte-pair encoding with a vocabulary that is given, as GPT-2 has it."""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Int64, Integer

from epiplexity_jax.sources.maps.gpt2_words import WordSplitter, as_bytes

_CACHED_WORDS, _CACHED_LETTERS = 1 << 18, 64

Part = tuple[Integer[np.ndarray, " n"], Bool[np.ndarray, " n"]]
"""Bytes of a text, and True where they do not continue those before."""


@dataclass(frozen=True, eq=False)
class ByteLevelCoding:
    """Tokens of bytes, and the merges that make the longer ones.

    A text is split into words (see `gpt2_words`). In each, the pair of neighbours whose merge comes
    first in the list is merged, of several the leftmost one, until no merge applies.

    Attributes:
        vocab_size: V, one more than the largest token.
        byte_tokens: token of each of the 256 bytes.
        merges: by pair of tokens, place in the list and the token that it makes.
        sizes: [V] bytes of each token; 0 for those that neither are a byte nor made by a merge.
    """

    vocab_size: int
    byte_tokens: tuple[int, ...]
    merges: Mapping[tuple[int, int], tuple[int, int]]
    sizes: Int64[np.ndarray, " vocabulary"] = field(repr=False)
    _cache: dict[str, list[int]] = field(default_factory=dict, repr=False)

    def lengths(self) -> Int64[np.ndarray, " vocabulary"]:
        """Count the bytes of every token (see `sizes`)."""
        return self.sizes

    def encode_parts(self, parts: Iterable[Part]) -> Iterator[Integer[np.ndarray, " m"]]:
        """Encode texts, given in parts of any size, as if each were given as a whole."""
        splitter = WordSplitter()
        for symbols, starts in parts:
            raw = symbols.astype(np.uint8).tobytes()
            edges = [*np.flatnonzero(starts).tolist(), len(raw)]
            words = splitter.add(raw[: edges[0]])
            for first, end in itertools.pairwise(edges):
                words += splitter.end()
                words += splitter.add(raw[first:end])
            yield self._encoded(words)
        yield self._encoded(splitter.end())

    def _encoded(self, words: Iterable[str]) -> Int64[np.ndarray, " m"]:
        tokens: list[int] = []
        for word in words:
            found = self._cache.get(word)
            if found is None:
                found = self.encode_word(as_bytes(word))
                if len(word) <= _CACHED_LETTERS and len(self._cache) < _CACHED_WORDS:
                    self._cache[word] = found
            tokens += found
        return np.array(tokens, np.int64)

    def encode_word(self, word: bytes) -> list[int]:
        """Merge the pairs of a word, in time n log n for n bytes."""
        tokens, count = [self.byte_tokens[byte] for byte in word], len(word)
        before, after = list(range(-1, count - 1)), list(range(1, count + 1))
        queue: list[tuple[int, int, tuple[int, int]]] = []  # place of the merge, place, pair

        def offer(at: int, following: int) -> None:
            pair = tokens[at], tokens[following]
            if pair in self.merges:
                heapq.heappush(queue, (self.merges[pair][0], at, pair))

        for at in range(count - 1):
            offer(at, at + 1)
        while queue:
            _, at, pair = heapq.heappop(queue)
            following = after[at]
            if following >= count or (tokens[at], tokens[following]) != pair:
                continue  # merged with another neighbour since
            tokens[at], tokens[following] = self.merges[pair][1], -1
            after[at] = after[following]
            if before[at] >= 0:
                offer(before[at], at)
            if after[at] < count:
                before[after[at]] = at
                offer(at, after[at])
        return [token for token in tokens if token >= 0]
