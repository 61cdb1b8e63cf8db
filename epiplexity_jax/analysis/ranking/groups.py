"""Groups of datasets that are not separated, as letters."""

from collections.abc import Collection, Sequence
from string import ascii_lowercase


def groups_of(count: int, separated: Collection[tuple[int, int]]) -> list[tuple[int, ...]]:
    """The largest groups without a separated pair: two stand in one group unless separated.

    Insert and absorb (Piepho 2004): begin with one group of all, split it at every separated pair,
    and drop groups that others hold.

    Args:
        count: number of datasets, from the largest value to the smallest.
        separated: pairs of their places.

    Returns:
        Places of every group, those of larger values first.

    >>> groups_of(3, [(0, 2)]), groups_of(2, []), groups_of(2, [(0, 1)])
    ([(0, 1), (1, 2)], [(0, 1)], [(0,), (1,)])
    """
    found = [frozenset(range(count))]
    for first, second in separated:
        split = []
        for group in found:
            both = first in group and second in group
            split += [group - {first}, group - {second}] if both else [group]
        distinct = set(split)
        found = [group for group in distinct if not any(group < other for other in distinct)]
    return sorted(tuple(sorted(group)) for group in found)


def letters_of(count: int, groups: Sequence[Sequence[int]]) -> list[str]:
    """Letters of every dataset, one for each group that it stands in.

    >>> letters_of(3, [(0, 1), (1, 2)])
    ['a', 'ab', 'b']
    """
    marks = [_mark(i) for i in range(len(groups))]
    return [
        "".join(mark for mark, group in zip(marks, groups, strict=True) if place in group)
        for place in range(count)
    ]


def _mark(place: int) -> str:
    round_, letter = divmod(place, len(ascii_lowercase))
    return ascii_lowercase[letter] + (str(round_ + 1) if round_ else "")
