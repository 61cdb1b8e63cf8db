"""Words of a text as GPT-2's tokeniser splits it, before the pairs of each are merged.

Radford et al. 2019, 'Language models are unsupervised multitask learners'. Its regular expression
needs classes of letters and numbers, which `re` has none of: they are written out here.
"""

import codecs
import functools
import re
import sys
import unicodedata

import numpy as np
from jaxtyping import Bool

# White space of Unicode, which differs from what `re` takes for it.
_WHITE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_ESCAPED = "surrogateescape"  # bytes that are not UTF-8, each a character of no class


def _class_of(initial: str) -> str:
    """Write the characters of a general category as ranges, such as all letters for `L`."""
    points = range(sys.maxunicode + 1)
    inside: Bool[np.ndarray, " points"] = np.fromiter(
        (unicodedata.category(chr(point))[0] == initial for point in points), bool, len(points)
    )
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False)).tolist()
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return "".join(rf"\U{first:08x}-\U{end - 1:08x}" for first, end in pairs)


@functools.cache
def word_pattern() -> re.Pattern[str]:
    """Compile GPT-2's expression: contractions, then words, numbers, signs and white space.

    Letters and numbers are those of the Unicode that Python knows.

    >>> word_pattern().findall("It's 10  times.")
    ['It', "'s", ' 10', ' ', ' times', '.']
    """
    letters, numbers = _class_of("L"), _class_of("N")
    return re.compile(
        rf"'s|'t|'re|'ve|'m|'ll|'d| ?[{letters}]+| ?[{numbers}]+| ?[^{_WHITE}{letters}{numbers}]+"
        rf"|[{_WHITE}]+(?![^{_WHITE}])|[{_WHITE}]+"
    )


class WordSplitter:
    """Splits a text that comes in parts, with the words that it has as a whole.

    Bytes that are not UTF-8 count as signs.
    """

    def __init__(self):
        self._decoder = codecs.getincrementaldecoder("utf-8")(_ESCAPED)
        self._held = ""

    def add(self, part: bytes) -> list[str]:
        """Take a part, and give the words that the next one cannot change."""
        words = word_pattern().findall(self._held + self._decoder.decode(part))
        # More text lengthens the last word, or makes a contraction of the last two.
        self._held = "".join(words[-2:])
        return words[:-2]

    def end(self) -> list[str]:
        """End the text, give its last words and begin another."""
        words = word_pattern().findall(self._held + self._decoder.decode(b"", final=True))
        self._decoder.reset()
        self._held = ""
        return words


def as_bytes(word: str) -> bytes:
    """Write a word as the bytes that it was read from."""
    return word.encode("utf-8", _ESCAPED)
