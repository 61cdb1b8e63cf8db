"""Numbers as tables and pictures show them: few digits, intervals behind them."""

import math
from collections.abc import Sequence

import numpy as np


def number(value: float | np.number | None, digits: int = 3) -> str:
    """A number of a few digits, a power of ten where it is long; empty for None.

    >>> number(1234567.0), number(96), number(0.0), number(990.0, 2), number(0.12345)
    ('1.23e6', '96', '0', '990', '0.123')
    """
    if value is None or not math.isfinite(value):
        return "" if value is None else str(value)
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e3:
        return f"{float(f'{value:.{digits}g}'):g}"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def with_interval(value: float, interval: Sequence[float | None] | None) -> str:
    """A value and how far its interval reaches to either side, or the end of a half-open one.

    >>> with_interval(2.0e6, (1.8e6, 2.2e6)), with_interval(0.0, (0.0, 40.0))
    ('2e6 ±2e5', '0 +40')
    >>> with_interval(2.0e6, (1.8e6, None)), with_interval(2.0e6, (None, None))
    ('2e6 (≥ 1.8e6)', '2e6 (open)')
    """
    if interval is None:
        return number(value)
    low, high = interval
    if low is None or high is None:
        ends = [f"≥ {number(low)}" if low is not None else ""]
        ends.append(f"≤ {number(high)}" if high is not None else "")
        return f"{number(value)} ({''.join(ends) or 'open'})"
    down, up = value - low, high - value
    if math.isclose(down, up, rel_tol=1e-3, abs_tol=1e-9 * abs(value)):
        return f"{number(value)} ±{number(up, 2)}"
    sides = [f"+{number(up, 2)}" if up else "", f"-{number(down, 2)}" if down else ""]
    return " ".join([number(value), *filter(None, sides)])
