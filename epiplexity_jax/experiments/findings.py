"""Values with intervals, and checks on them, as experiments find them."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from epiplexity_jax.report.numbers import number, with_interval

Kind = Literal["sign", "oracle", "guard"]


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; None where a single seed leaves it unknown.

    Attributes:
        value: the number.
        low, high: ends of the interval.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends; None where they are not known."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def scaled(self, factor: float) -> "Estimate":
        """The number and its interval times a positive factor."""
        low, high = (None if end is None else end * factor for end in (self.low, self.high))
        return Estimate(self.value * factor, low, high)

    def above(self, other: "Estimate | float") -> bool:
        """Return whether the whole interval lies above a number, or above another interval."""
        end = other if isinstance(other, int | float) else other.high
        return self.low is not None and end is not None and self.low > end

    def inside(self, least: float, most: float) -> bool | None:
        """Return whether the interval lies within limits; None where it crosses one, or is open.

        Args:
            least: the lower limit.
            most: the upper limit.
        """
        if self.low is not None and self.low > most or self.high is not None and self.high < least:
            return False
        if self.low is None or self.high is None:
            return None
        return True if least <= self.low and self.high <= most else None

    def apart(self, other: "Estimate") -> bool:
        """Return whether two intervals are disjoint."""
        return self.above(other) or other.above(self)

    def __str__(self) -> str:
        known = self.low is not None or self.high is not None
        return with_interval(self.value, (self.low, self.high) if known else None)


@dataclass(frozen=True)
class Value:
    """A value of an experiment, with the place that it has in the picture.

    Attributes:
        name: its name, which `Published.ours` refers to.
        estimate: the value and its interval.
        unit: unit, as the axis of its panel has it.
        panel: title of its panel in the picture.
        x: its place on the horizontal axis, a number or a name.
        series: its colour.
        oracle: the value that theory gives, None where none is known.
    """

    name: str
    estimate: Estimate
    unit: str
    panel: str
    x: float | str
    series: str = ""
    oracle: float | None = None


@dataclass(frozen=True)
class Check:
    """A statement about the values, and whether they bear it out.

    Attributes:
        kind: `sign`: the order or sign that was expected; `oracle`: a value that theory gives;
            `guard`: a condition without which the signs say nothing.
        expected: the statement.
        found: what was found, with intervals.
        holds: None where the values cannot decide, as `found` then says.
    """

    kind: Kind
    expected: str
    found: str
    holds: bool | None

    @property
    def word(self) -> str:
        """Its outcome in a word."""
        return {True: "holds", False: "FAILS", None: "open"}[self.holds]


@dataclass
class Findings:
    """Values of an experiment, and the checks on them, in the order of its page.

    Attributes:
        axis: title of the horizontal axis of the picture.
        values: the values.
        checks: the checks.
        notes: sentences for a reader.
        log_x: whether the horizontal axis is logarithmic.
    """

    axis: str
    values: list[Value] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    log_x: bool = False

    def add(self, name: str, estimate: Estimate, unit: str, panel: str, **place: Any) -> Estimate:
        """Add a value and return its estimate.

        Args:
            name: its name.
            estimate: the value and its interval.
            unit: its unit.
            panel: its panel in the picture.
            **place: the other fields of `Value`.
        """
        self.values.append(Value(name, estimate, unit, panel, **place))
        return estimate

    def check(self, kind: Kind, expected: str, found: str, holds: bool | None) -> None:
        """Add a check; see `Check`.

        Args:
            kind: sort of the statement.
            expected: the statement.
            found: what was found.
            holds: whether it holds; None where that is open.
        """
        self.checks.append(Check(kind, expected, found, holds))

    def near(self, expected: str, found: Estimate, oracle: float, share: float) -> None:
        """Add the check that a value is within a share of the one that theory gives.

        It holds where the whole interval is, and is open where one end is.

        Args:
            expected: the statement.
            found: the value.
            oracle: the one that theory gives.
            share: the largest relative difference.
        """
        most = share * abs(oracle)
        shown = f"{found}, theory {number(oracle, 4)}"
        self.check("oracle", expected, shown, found.inside(oracle - most, oracle + most))

    def below(
        self, expected: str, found: Estimate, limit: float, kind: Kind = "sign"
    ) -> bool | None:
        """Add the check that a value is below a limit; open where its interval crosses it.

        Args:
            expected: the statement.
            found: the value.
            limit: the limit.
            kind: sort of the statement.
        """
        holds = found.inside(-math.inf, limit)
        self.check(kind, expected, f"{found}", holds)
        return holds

    def greater(self, expected: str, more: Estimate, less: Estimate | float) -> None:
        """Add the check that a value is greater than another; open where the intervals overlap.

        Args:
            expected: the statement.
            more: the value that is expected to be the greater.
            less: the other.
        """
        other = Estimate(less, less, less) if isinstance(less, int | float) else less
        holds = True if more.above(other) else False if other.above(more) else None
        found = f"{more} against {other}" if isinstance(less, Estimate) else str(more)
        overlap = " (not resolved)" if holds is None else ""
        self.check("sign", expected, found + overlap, holds)

    def withhold(
        self,
        expected: str,
        why: str,
        first: tuple[str, Estimate],
        second: tuple[str, Estimate | float],
    ) -> None:
        """Add a sign that stays open, as a guard does not hold, with the values to compare.

        Args:
            expected: the statement.
            why: clause on the guard.
            first: name and value of what would be compared.
            second: name and value of what it would be compared with.
        """
        (name, one), (other_name, other) = first, second
        plain = isinstance(other, int | float)
        estimate = Estimate(other, other, other) if plain else other
        order = "not resolved"
        if one.above(estimate):
            order = "the first is greater"
        elif estimate.above(one):
            order = "the first is less"
        shown = number(other) if plain else str(other)
        text = f"{why}: no comparison; {name} {one} against {shown} {other_name} ({order})"
        self.check("sign", expected, text, None)

    @property
    def failed(self) -> list[Check]:
        """The checks that do not hold."""
        return [check for check in self.checks if check.holds is False]


def to_plain(findings: Findings) -> dict[str, Any]:
    """Values, checks and notes as plain data; numbers that are not finite become null."""
    plain = asdict(findings)
    for value in plain["values"]:
        estimate = value.pop("estimate")
        value |= {name: _finite(end) for name, end in estimate.items()}
    return plain


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
