"""A page's content as one HTML file that needs no network."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic_core import to_jsonable_python

from epiplexity_jax.report.html import html_table
from epiplexity_jax.report.page.content import Page, PageTable
from epiplexity_jax.report.table import Table
from epiplexity_jax.report.tables import csv_text

_HERE = files("epiplexity_jax.report.page") / "templates"
# A script element ends at its own closing tag wherever that stands, in strings too.
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def render(page: Page) -> str:
    """Write a page as HTML with its charts, their library, styles and data inside."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_text("page.html.j2"))
    tables = {
        name: {
            "title": one.title,
            "html": html_table(_filled(one.table)),
            "rows": len(one.table.rows),
        }
        for name, one in page.tables.items()
    }
    return template.render(
        page={**vars(page), "tables": tables},
        style=_text("page.css"),
        script=_text("page.js"),
        library=_library(),
        data=_json(_data(page)),
    )


def _data(page: Page) -> dict[str, Any]:
    """Values that the page's script reads."""
    return {
        "budgets": page.budgets,
        "stops": page.stops,
        "readout": page.readout,
        "charts": page.charts,
        "tables": {name: _download(one) for name, one in page.tables.items()},
        "runs": [one._asdict() for one in page.runs],
        "chosen": page.chosen,
        "watch": page.watch,
        "revision": page.revision,
    }


def _download(one: PageTable) -> dict[str, Any]:
    return {"csv": csv_text(one.rows), "rows": one.rows}


def _json(values: Any) -> str:
    """JSON that may stand in a script element; a value that is not finite is null."""
    plain = to_jsonable_python(values, inf_nan_mode="null", fallback=lambda value: value.item())
    return json.dumps(plain, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def _filled(table: Table) -> Table:
    """A table whose empty first cells repeat those above, so that its rows can be sorted."""
    rows: list[tuple[str, ...]] = []
    for cells in table.rows:
        above = rows[-1][0] if rows else ""
        rows.append((cells[0] or above, *cells[1:]))
    return Table(table.columns, rows, table.ends, table.caption)


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@cache
def _library() -> str:
    """Vega, Vega-Lite and their embedding as one script; `vegaEmbed` becomes global."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script")
