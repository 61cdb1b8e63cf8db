"""The tables of scaling laws: parameters, answers at budgets, and how a fit varies."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from epiplexity_jax.analysis.frontier.fitted import Area, Fitted
from epiplexity_jax.analysis.laws.examine import PARAMETERS, ExaminedFit, parameters
from epiplexity_jax.analysis.laws.report import LawAnswer, LawReport
from epiplexity_jax.base.human import counted
from epiplexity_jax.report.table import Table, TableColumn
from epiplexity_jax.report.tables import number, with_interval

_ANSWER: dict[str, Callable[[LawAnswer], str]] = {
    "T, FLOPs": lambda one: (
        "no limit" if math.isinf(one.compute_flops) else number(one.compute_flops)
    ),
    "S_T, bits": lambda one: with_interval(one.epiplexity_bits, one.epiplexity_bits_interval),
    "H_T, bits": lambda one: with_interval(one.entropy_bits, one.entropy_bits_interval),
    "bits/token": lambda one: f"{one.entropy_bits_per_token:.4f}",
    "H_T, bits/token": lambda one: with_interval(one.entropy_bits_per_token, _per_token(one)),
    "N": lambda one: "no limit" if math.isinf(one.params) else number(one.params),
    "D": lambda one: number(one.train_tokens),
    "status": lambda one: f"{one.status}{' *' if one.flags else ''}",
}
_HEADS = {
    "a": "A",
    "b": "B",
    "irreducible_nats": "E, nats",
    "alpha": "alpha",
    "beta": "beta",
}


def presets_table(laws: Sequence[LawReport]) -> Table:
    """One line a law: its parameters, and S without any limit on compute."""
    heads = ("law", "alpha", "beta", "N0", "D0", "E, nats", "S, bits")
    table = _table(heads, left={"law"})
    for one in laws:
        law, limit = one.law, one.limit
        table.add(
            one.name,
            f"{law.alpha:.3f}",
            f"{law.beta:.3f}",
            number(law.n0),
            number(law.d0),
            f"{law.irreducible_nats:.3f}",
            number(limit and limit.epiplexity_bits),
        )
    tokens = laws[0].test_tokens if laws else None
    table.caption = (
        f"L = E + (N0/N)^alpha + (D0/D)^beta; S without limit on compute,\n"
        f"{number(tokens)} test tokens"
    )
    return table


def _per_token(one: LawAnswer) -> tuple[float, float] | None:
    """The interval of H_T in bits per token, as wide to both sides as its wider one."""
    if one.entropy_bits_interval is None:
        return None
    ends = [abs(end - one.entropy_bits) for end in one.entropy_bits_interval if end is not None]
    value = one.entropy_bits_per_token
    reach = max(ends, default=0.0) * value / one.entropy_bits
    return value - reach, value + reach


def answers_table(report: LawReport) -> Table:
    """S_T, H_T and the best model at every budget, and without limit.

    H_T is in bits and in bits a token, or with its interval in bits a token alone.
    """
    rows = (*report.answers, *([report.limit] if report.limit else []))
    plain = all(one.entropy_bits_interval is None for one in rows)
    hidden = {"H_T, bits/token"} if plain else {"H_T, bits", "bits/token"}
    shown = {name: cell for name, cell in _ANSWER.items() if name not in hidden}
    table = _table(tuple(shown), left={"status"})
    for one in rows:
        table.add(*(cell(one) for cell in shown.values()))
    law, said = report.law, [f"{number(report.test_tokens)} test tokens"]
    if report.vocab_size:
        said.append(f"the uniform code {math.log2(report.vocab_size):.4g} bits/token")
    formula = (
        f"{report.name}: L = {law.irreducible_nats:.4g} + ({number(law.n0)}/N)^{law.alpha:.4g} + "
        f"({number(law.d0)}/D)^{law.beta:.4g}"
    )
    lines = [formula, ", ".join(said), report.origin]
    if report.first_compute_flops:
        lines.insert(2, f"untrained below T = {number(report.first_compute_flops)}")
    table.caption = "\n".join(lines)
    return table


def fit_table(examined: ExaminedFit) -> Table:
    """Parameters of a fit, how sure they are, and those of fits to other choices of points."""
    table = _table(("", "losses", *_HEADS.values()), left={""})

    def add(
        name: str, count: str, values: Mapping[str, float], digits: int = 4, ends: bool = False
    ) -> None:
        cells = (number(values[one], digits) for one in PARAMETERS)
        table.add(name, count, *cells, end_section=ends)

    points = examined.fit.points
    add("fit", str(len(points)), parameters(examined.law), ends=not examined.laws)
    if examined.standard_errors and examined.intervals:
        add("standard error", "", examined.standard_errors, digits=2)
        for side, name in enumerate(("95 %, low", "95 %, high")):
            ends = {one: pair[side] for one, pair in examined.intervals.items()}
            add(name, "", ends, ends=side == 1)
    for one in examined.variations:
        add(one.name, str(one.points), parameters(one.law))
    table.caption = "\n".join(_of_fit(examined))
    return table


def _of_fit(examined: ExaminedFit) -> list[str]:
    """Lines on a fit."""
    points, found = examined.fit.points, examined.to_json()
    exponent = parameters(examined.law)["size_exponent"]
    errors = examined.standard_errors
    error = f" ±{number(errors['size_exponent'], 2)}" if errors else ""
    said = [
        f"sum of Huber's loss of log L {found['objective']:.5g}; "
        f"residuals {found['residual_rms']:.2%} rms, {found['residual_largest']:.2%} at most",
        f"{points.runs} runs of {points.sizes} sizes, N {_range(points.params)}, "
        f"D {_range(points.train_tokens)}",
        f"best N goes with T^{exponent:.3f}{error}"
        + (f"; {found['draws']} draws of runs" if examined.laws else ""),
    ]
    if examined.held_out:
        held = examined.held_out
        points = counted(held.points, "loss", "losses")
        said.append(
            f"held out: {points} above {number(held.above_flops)} FLOPs, "
            f"{held.mean_error:+.2%}\noff the law of the others on average, "
            f"{held.largest_error:+.2%} at most"
        )
    else:
        said.append("held out: without the largest budgets no law is identified")
    return said


def _range(values: Any) -> str:
    return f"{number(float(values.min()))} to {number(float(values.max()))}"


def areas_table(laws: Mapping[str, Fitted]) -> Table:
    """Measured areas at the end of each size beside the closed form of the law of its source."""
    heads = ("source", "size", "D", "loss/law", "area, bits", "closed form", "transient")
    table = _table(heads, left={"source", "size"})
    for name, traced in laws.items():
        areas = traced.areas()
        for i, one in enumerate(areas):
            table.add(*_area(name, one), end_section=i == len(areas) - 1)
    table.caption = (
        "loss/law: of the final loss; closed form: |P_preq| of the law\n"
        "transient: the measured area less that"
    )
    return table


def _area(name: str, one: Area) -> tuple[str, ...]:
    known = math.isfinite(one.closed_form_bits)
    return (
        name,
        one.member,
        number(one.train_tokens),
        f"{one.loss_residual:+.2%}",
        number(one.measured_bits),
        number(one.closed_form_bits) if known else "",
        f"{one.transient_bits / one.measured_bits:+.0%}" if known and one.measured_bits else "",
    )


def _table(heads: Sequence[str], left: set[str]) -> Table:
    return Table([TableColumn(name, "left" if name in left else "right") for name in heads])
