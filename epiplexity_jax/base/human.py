"""Times, sizes and lists as text for people."""

from collections.abc import Sequence


def duration(seconds: float) -> str:
    """Write a time in seconds with a fitting unit.

    >>> duration(48.2), duration(600), duration(9000)
    ('48 s', '10 min', '2 h 30 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def memory(size: float) -> str:
    """Write a number of bytes with a fitting unit.

    >>> memory(3 * 2**19), memory(5 * 2**30)
    ('1.5 MiB', '5.0 GiB')
    """
    unit, name = (2**30, "GiB") if size >= 2**30 else (2**20, "MiB")
    return f"{size / unit:,.1f} {name}"


def join_words(words: Sequence[str]) -> str:
    """Write a list of words as a part of a sentence.

    >>> join_words(["text"]), join_words(["a", "b"]), join_words(["a", "b", "c"])
    ('text', 'a and b', 'a, b and c')
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def counted(count: int, one: str, several: str = "") -> str:
    """Write a number with its noun.

    Args:
        count: the number.
        one: the noun.
        several: its plural; default: with an s.

    >>> counted(1, "wave"), counted(2, "wave"), counted(2, "loss", "losses")
    ('1 wave', '2 waves', '2 losses')
    """
    return f"{count} {one if count == 1 else several or f'{one}s'}"


def quoted(name: str) -> str:
    """Write a name so that it reads as one word.

    >>> quoted("text"), quoted("book.txt, shuffled")
    ('text', '"book.txt, shuffled"')
    """
    return f'"{name}"' if set(name) & {",", " ", ";"} else name


def join_names(names: Sequence[str]) -> str:
    """Write names as a part of a sentence.

    >>> join_names(["book.txt", "book.txt, shuffled"])
    'book.txt and "book.txt, shuffled"'
    """
    return join_words([quoted(name) for name in names])
