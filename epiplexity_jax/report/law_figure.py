"""The picture of scaling laws: S_T and H_T per token against compute, one colour a law."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from epiplexity_jax.analysis.laws.report import LawReport
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.report import axes
from epiplexity_jax.report.figures import encodings, styled

_BUDGETS = 80
_WIDTH, _HEIGHT = 330, 250
_PANELS = {
    "epiplexity": ("Epiplexity: S_T", "S_T"),
    "entropy": ("Time-bounded entropy: H_T per token", "H_T, bits per token"),
}


def law_chart(laws: Sequence[LawReport]) -> Any:
    """Draw laws as an Altair chart; shaded: 95 % intervals of fitted ones.

    Raises:
        ConfigError: when there is no law with answers.
    """
    answered = [law for law in laws if law.answers]
    if not answered:
        raise ConfigError("figure: there is no S_T to draw; give the test tokens (--test-tokens)")
    import altair as alt

    rows = [row for law in answered for row in _rows(law)]
    time = axes.compute([row["compute"] for row in rows])
    shared = encodings(list(dict.fromkeys(row["source"] for row in rows)))
    panels = []
    for what, (title, label) in _PANELS.items():
        axis = axes.lengths(rows, what)
        unit = f" ({axis.unit})" if what == "epiplexity" else ""
        drawn = [axis.inside(row, what) for row in rows]
        base = alt.Chart(alt.Data(values=drawn)).encode(
            x=alt.X("compute:Q", title="Compute T (FLOPs)", **time.options(alt, grid=False)),
            color=shared["color"],
        )
        band = base.mark_area(opacity=0.18, clip=True).encode(
            y=alt.Y(f"{what}_low:Q"), y2=alt.Y2(f"{what}_high:Q")
        )
        line = base.mark_line(strokeWidth=2.2, clip=True).encode(
            y=alt.Y(f"{what}:Q", title=f"{label}{unit}", **axis.options(alt)),
            strokeDash=shared["strokeDash"],
        )
        panels.append(alt.layer(band, line).properties(width=_WIDTH, height=_HEIGHT, title=title))
    joined = alt.hconcat(*panels, spacing=28, background="white", padding=12)
    return styled(joined.resolve_scale(color="shared", strokeDash="shared"))


def _rows(law: LawReport) -> list[dict[str, Any]]:
    """A row a budget, from the least to the largest that the law answers."""
    budgets = [one.compute_flops for one in law.answers]
    low, high = min(budgets), max(max(budgets), min(budgets) * 1.1)
    rows = []
    for budget in np.geomspace(low, high, _BUDGETS).tolist():
        one = law.at(budget)
        row = {"source": law.name, "compute": budget, "status": str(one.status)}
        scales = {"epiplexity": 1.0, "entropy": 1.0 / (law.test_tokens or 1.0)}
        for what, scale in scales.items():
            value = getattr(one, f"{what}_bits")
            ends = getattr(one, f"{what}_bits_interval") or (value, value)
            low_end, high_end = (value if end is None else end for end in ends)
            row |= {
                what: value * scale,
                f"{what}_low": low_end * scale,
                f"{what}_high": high_end * scale,
            }
        rows.append(row)
    return rows
