"""Write the tables of PAGES from the committed results of the benchmarks.

Run: make docs  (or python docs/measured.py); nothing is measured here.
"""

import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from docs import (
    interval_tables,
    number_tables,
    scenario_tables,
    speed_tables,
    transfer_tables,
    tuning_tables,
)
from epiplexity_jax.base.errors import DataError

DOCS = Path(__file__).parent
PAGES = tuple(
    DOCS / name
    for name in (
        *("speed.md", "large-runs.md", "requential.md", "what-moves-s.md"),
        *("measure.md", "rank.md", "scaling-laws.md", "how-a-number-is-made.md"),
        *("frontier.md", "tuning.md", "report.md", "transfer.md", "scenarios.md"),
    )
)
RESULTS = DOCS.parent / "benchmarks" / "results"
NUMBER = (
    *("result", "tokens", "losses", "floor", "area", "switch", "names", "code", "time"),
    *("frontier", "interpolated", "replicates", "interval"),
)
MARKED = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "steps": ("steps", speed_tables.steps),
    "parts": ("steps", speed_tables.parts),
    "operations": ("operations", speed_tables.operations),
    "ways": ("ways", speed_tables.ways),
    "members": ("steps", speed_tables.members),
    "slices": ("slices", speed_tables.slices),
    "requential_cost": ("requential_cost", speed_tables.requential_cost),
    "scaling": ("scaling", speed_tables.scaling),
    "shares": ("shares", speed_tables.shares),
    "rows": ("rows", speed_tables.rows),
    "startup": ("startup", speed_tables.startup),
    "mup": ("mup", number_tables.mup),
    "sinks": ("sinks", speed_tables.sinks),
    "memory": ("memory", speed_tables.memory),
    "checkpoints": ("checkpoints", speed_tables.checkpoints),
    "weak_scaling": ("weak_scaling", speed_tables.weak_scaling),
    "pages": ("pages", speed_tables.pages),
    "rounding": ("weak_scaling", speed_tables.rounding),
    "tuning": ("tuning", number_tables.tuning),
    "tuning_grid": ("tuning", tuning_tables.grid),
    "tuning_twice": ("tuning", tuning_tables.twice),
    "recipe_budget": ("recipe_grid", tuning_tables.at_budget),
    "recipe_grid": ("recipe_grid", tuning_tables.least_over),
    "window": ("window", number_tables.window),
    "published": ("published", number_tables.published),
    "coverage": ("intervals", interval_tables.coverage),
    "precision": ("precision", interval_tables.precision),
    "frontier_law": ("frontier_law", interval_tables.procedures_on_laws),
    "rank": ("rank", number_tables.rank),
    "rank_example": ("rank_stores", number_tables.rank_example),
    "rank_six": ("rank_stores", number_tables.rank_six),
    "rank_controls": ("rank_stores", number_tables.rank_controls),
    "procedures": ("procedures", number_tables.procedures),
    "planner": ("planner", number_tables.planner),
    "planner_cost": ("planner", number_tables.planner_cost),
    "planner_rates": ("planner", number_tables.planner_rates),
    "transfer_games": ("transfer", transfer_tables.games),
    "generalisation": ("generalisation", transfer_tables.generalisation),
    "scenarios": ("scenarios", scenario_tables.checks),
    "scenario_answers": ("scenarios", scenario_tables.answers),
    "scenario_patches": ("scenarios", scenario_tables.patches),
    "scenario_replay": ("scenarios", partial(scenario_tables.values, "replay")),
    "scenario_context": ("scenarios", partial(scenario_tables.values, "context")),
} | {f"number_{place}": ("number", partial(number_tables.printed, place)) for place in NUMBER}


def filled(page: str) -> str:
    """The page with every marked table as the results have it.

    Raises:
        DataError: when a result is missing or cannot be read.
    """

    def table(match: re.Match[str]) -> str:
        result, make = TABLES[match[2]]
        return f"{match[1]}\n{make(_result(result))}\n{match[3]}"

    return MARKED.sub(table, page)


def _result(name: str) -> dict[str, Any]:
    path = RESULTS / f"{name}.json"
    place = f"benchmarks/results/{path.name}"
    run = f"run `python benchmarks/{name}.py`"
    if not path.is_file():
        raise DataError(f"{place}: is missing; {run}")
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{place}: cannot be read ({error}); {run}") from error
    if not isinstance(found, dict):
        raise DataError(f"{place}: expected a JSON object, got {type(found).__name__}; {run}")
    return found


def main() -> None:
    """Fill all pages, or none: a result that is missing ends with status 2."""
    try:
        pages = {page: filled(page.read_text("utf-8")) for page in PAGES}
    except DataError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    for page, text in pages.items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
