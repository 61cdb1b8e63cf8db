"""Sentences on a text that may be no text: token ids in digits, UTF-16 as bytes."""

import numpy as np
from jaxtyping import Integer

from epiplexity_jax.sources.files.characters import BYTES

_SAMPLED = 1 << 16  # tokens that are looked at
_LEAST = 64
_NEARLY_ALL = 0.99
_LEAST_DIGITS = 0.3
_BLANKS = " ,;\t\r\n[]"


def text_notes(tokens: Integer[np.ndarray, " N"], alphabet: str, where: str) -> tuple[str, ...]:
    """Say that a text consists of numbers, or that its bytes are UTF-16.

    Args:
        tokens: places of its characters in the alphabet.
        alphabet: its characters, or `bytes`.
        where: name of the text.

    >>> text_notes(np.frombuffer(b"17 4 905 " * 20, np.uint8), "bytes", "ids.txt")[0][:39]
    'ids.txt: consists of numbers and blanks'
    """
    sample = tokens[:_SAMPLED]
    if len(sample) < _LEAST:
        return ()
    if alphabet == BYTES:
        is_zero = np.asarray(sample[: len(sample) // 2 * 2]).reshape(-1, 2) == 0
        zeros = is_zero.mean(axis=0)
        if max(zeros) > _NEARLY_ALL and min(zeros) < 1 - _NEARLY_ALL:
            return (f"{where}: every second byte is 0, as of UTF-16 text; convert it to UTF-8",)
    letters = range(256) if alphabet == BYTES else map(ord, alphabet)
    codes = np.fromiter(letters, np.int64)[sample]
    is_digit = (codes >= ord("0")) & (codes <= ord("9"))
    is_blank = np.isin(codes, [ord(c) for c in _BLANKS])
    if (
        is_blank.any()
        and is_digit.mean() > _LEAST_DIGITS
        and (is_digit | is_blank).mean() > _NEARLY_ALL
    ):
        return (
            f"{where}: consists of numbers and blanks, and the digits are measured; where these "
            "are token ids, save them with numpy.save and use kind: tokens",
        )
    return ()
