"""Results that a notebook shows: a picture, tables and sentences."""

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from io import BytesIO, StringIO
from typing import Any

from epiplexity_jax.report.html import html_lines, html_picture, html_table
from epiplexity_jax.report.table import Table

Part = Table | Sequence[str]


class Shown(ABC):
    """A result that a notebook shows; what it stores needs neither network nor kernel."""

    @abstractmethod
    def _parts(self) -> Iterable[Part]:
        """The tables and sentences, from top to bottom."""

    def _picture(self) -> Any:
        """The Altair chart that stands above them; None where nothing is drawn."""
        return None

    def _repr_html_(self) -> str:
        """HTML of picture, tables and sentences."""
        return _html(self._picture(), repr(self), self._parts())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Text, HTML, and the picture for programs that show no HTML, such as LaTeX.

        Jupyter itself leaves out the kinds that were not asked for.
        """
        chart = self._picture()
        bundle = {"text/plain": repr(self), "text/html": _html(chart, repr(self), self._parts())}
        if chart is not None:
            png = BytesIO()
            chart.save(png, format="png")
            bundle["image/png"] = base64.b64encode(png.getvalue()).decode("ascii")
        return bundle


def _html(chart: Any, title: str, parts: Iterable[Part]) -> str:
    written = [html_table(p) if isinstance(p, Table) else html_lines(p) for p in parts]
    if chart is not None:
        svg = StringIO()
        chart.save(svg, format="svg")
        written.insert(0, html_picture(svg.getvalue(), title))
    blocks = "\n".join(f"<div>{one}</div>" for one in written if one)
    return f'<div class="epiplexity">\n{blocks}\n</div>'
