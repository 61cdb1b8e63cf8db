"""Byte-pair encoding of any symbols: the most frequent pair becomes a symbol, again and again.

Gage 1994, 'A new algorithm for data compression'; Sennrich, Haddow and Birch 2016, 'Neural machine
translation of rare words with subword units'.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, Int64, Integer

Tokens = Int32[np.ndarray, " n"]
Starts = Bool[np.ndarray, " n"]
Merged = Int32[np.ndarray, " m"]


@dataclass(frozen=True)
class PairEncoding:
    """Symbols and the merges that were learnt, in order.

    Attributes:
        symbols: number of symbols, tokens 0 to symbols - 1.
        merges: pairs of tokens; merge k makes the token symbols + k.
    """

    symbols: int
    merges: tuple[tuple[int, int], ...]

    @property
    def vocab_size(self) -> int:
        """Number of tokens."""
        return self.symbols + len(self.merges)

    def lengths(self) -> Int64[np.ndarray, " vocabulary"]:
        """Count the symbols of every token."""
        found = [1] * self.symbols
        for left, right in self.merges:
            found.append(found[left] + found[right])
        return np.array(found, np.int64)

    def encode(self, symbols: Integer[np.ndarray, " n"], starts: Starts) -> Merged:
        """Apply all merges, each from left to right, to a row of symbols.

        Args:
            symbols: the row.
            starts: True where a part begins; no token reaches over its border.
        """
        tokens, starts = symbols.astype(np.int32), starts.copy()
        for number, (left, right) in enumerate(self.merges):
            tokens, starts = _merged(tokens, starts, (left, right), self.symbols + number)
        return tokens

    def encode_parts(
        self, parts: Iterable[tuple[Integer[np.ndarray, " n"], Starts]]
    ) -> Iterator[Merged]:
        """Encode rows one after the other; no token reaches over their border."""
        return (self.encode(symbols, starts) for symbols, starts in parts)

    def decode(self, tokens: Integer[np.ndarray, " m"]) -> Tokens:
        """Write tokens as the symbols that they stand for."""
        table: list[tuple[int, ...]] = [(k,) for k in range(self.symbols)]
        for left, right in self.merges:
            table.append(table[left] + table[right])
        parts = [table[token] for token in tokens.tolist()]
        return np.array([symbol for part in parts for symbol in part], np.int32)


def learn_pairs(
    symbols: Integer[np.ndarray, " n"], starts: Starts, count: int, vocab_size: int
) -> PairEncoding:
    """Learn merges from a row of symbols, until there are `vocab_size` tokens or no pair recurs.

    The most frequent pair is merged, of several the one of the lowest tokens, so the result is a
    function of the row. Pairs are counted at all places, those that overlap too.

    Args:
        symbols: the row, integers in [0, count).
        starts: True where a part begins; no pair reaches over its border.
        count: number of symbols.
        vocab_size: number of tokens wanted.

    >>> row = np.array([0, 1, 0, 1, 0, 1, 1], np.int32)
    >>> learn_pairs(row, np.zeros(7, bool), 2, 4).merges
    ((0, 1), (2, 2))
    """
    tokens, starts = symbols.astype(np.int32), starts.copy()
    merges: list[tuple[int, int]] = []
    for size in range(count, vocab_size):
        pairs = tokens[:-1].astype(np.int64) * size + tokens[1:]
        found = np.bincount(pairs[~starts[1:]], minlength=1)
        best = int(found.argmax())
        if found[best] < 2:
            break
        merges.append(divmod(best, size))
        tokens, starts = _merged(tokens, starts, merges[-1], size)
    return PairEncoding(count, tuple(merges))


def _merged(
    tokens: Tokens, starts: Starts, pair: tuple[int, int], token: int
) -> tuple[Merged, Bool[np.ndarray, " m"]]:
    """Replace a pair by a token, from left to right."""
    left, right = pair
    at = np.flatnonzero((tokens[:-1] == left) & (tokens[1:] == right) & ~starts[1:])
    if not len(at):
        return tokens, starts
    if left == right:  # of a run of overlapping pairs, every second one
        begins = np.diff(at, prepend=at[0] - 2) != 1
        first = np.flatnonzero(begins)[np.cumsum(begins) - 1]
        at = at[(np.arange(len(at)) - first) % 2 == 0]
    kept = np.ones(len(tokens), bool)
    kept[at + 1] = False
    tokens = tokens.copy()
    tokens[at] = token
    return tokens[kept], starts[kept]
