"""Standard errors that make a difference when it is the best of several that were looked at."""

from scipy.special import ndtr, ndtri

ALONE = 2.0  # standard errors, of one comparison


def standard_errors(comparisons: int) -> float:
    """Standard errors that as many two-sided comparisons together exceed as rarely as one does two.

    The correction is Bonferroni's.

    >>> standard_errors(1), round(standard_errors(30), 2)
    (2.0, 3.17)
    """
    return ALONE if comparisons == 1 else float(-ndtri(ndtr(-ALONE) / comparisons))
