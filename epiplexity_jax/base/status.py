"""Status of runs and of decompositions."""

from enum import StrEnum


class RunStatus(StrEnum):
    """End of a run."""

    FINISHED = "finished"
    DIVERGED = "diverged"  # a loss became NaN or infinite; the rows before it are kept


class ResultStatus(StrEnum):
    """Reliability of a decomposition at a budget."""

    OK = "ok"
    UNTRAINED = "untrained"  # no model beats the uniform code by more than its error: S_T = 0
    BELOW_RESOLUTION = "below_resolution"  # |S_T| is less than its error
    NEGATIVE = "negative"  # S_T < 0 by more than its error: the floor lies above the curve
