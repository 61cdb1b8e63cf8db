"""The style of a page's charts: as wide as their place, in the colours of the page around them."""

from collections.abc import Mapping, Sequence
from typing import Any

INK = "currentColor"
"""The page's own text colour, light on dark and dark on light."""
GRID = "rgba(128, 128, 128, 0.28)"
_HEIGHT = 250
_FONT = '"Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


def finished(
    chart: Any,
    description: str,
    height: int = _HEIGHT,
    **datasets: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """A chart as a specification of Vega-Lite.

    Args:
        chart: an Altair chart of one view.
        description: words for readers who do not see it.
        height: in pixels.
        **datasets: rows by the name under which the chart has them.
    """
    sized = chart.properties(
        width="container", height=height, background="transparent", description=description
    )
    styled = (
        sized.configure(font=_FONT, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            labelColor=INK,
            titleColor=INK,
            gridColor=GRID,
            domainColor=GRID,
            tickColor=GRID,
            aria=False,
        )
        .configure_legend(labelColor=INK, titleColor=INK, labelFontSize=12)
        .configure_header(labelColor=INK, titleColor=INK)
    )
    spec = styled.to_dict()
    # Altair would copy and check every row.
    return spec | {"datasets": spec.get("datasets", {}) | datasets}


def budget_parameter(value: int) -> Any:
    """The parameter that a page's slider sets: the place of a budget among the page's."""
    import altair as alt

    return alt.param(name="budget", value=value)


AT_BUDGET = "datum.index == budget"
"""Filter of the rows at the slider's budget."""


def unlegended(encodings: Mapping[str, Any]) -> dict[str, Any]:
    """Channels of `encodings` without a legend: a page has one key for all its charts."""
    import altair as alt

    colour = encodings["color"].copy()
    colour["legend"] = None
    return {**encodings, "color": alt.Color(**colour.to_dict())}
