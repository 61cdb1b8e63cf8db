"""Do scenarios with a computed answer come out as computed? One table of checks.

Run: python benchmarks/scenarios.py [SCENARIO ...]  (about 15 minutes on two quiet cores;
runs/scenarios is resumed)

Every scenario trains a small sweep by the published recipe, W 16 to 64 and 1 or 2 layers, with two
or three paired seeds (tables of counts: 16), and sets values with 95 % intervals over seeds and
held-out data against what theory gives. The modules scenario_*.py have the scenarios, and each
begins with its cost at 60 GFLOP/s; together 2e13 FLOPs, 6 minutes, and about as long for compiling
and scoring. `--smoke` trains a twentieth of the steps and writes
runs/scenarios-smoke/scenarios.json; names of scenarios leave the others out. Both show that all
runs, and leave results/scenarios.json as it is.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import scenario_context
import scenario_jumps
import scenario_labels
import scenario_stored
import scenario_tokens
from result import write
from scenario_lab import Lab, Scenario

from epiplexity_jax.experiments.findings import to_plain
from epiplexity_jax.runtime.devices import configure_process

ROOT = Path(__file__).parents[1]
SMOKE = 1 / 20
SCENARIOS: dict[str, Scenario] = {
    **scenario_labels.SCENARIOS,
    **scenario_stored.SCENARIOS,
    **scenario_jumps.SCENARIOS,
    **scenario_tokens.SCENARIOS,
    **scenario_context.SCENARIOS,
}


def result(name: str, lab: Lab) -> dict[str, Any]:
    """Train a scenario and read it, as plain data."""
    scenario, begin = SCENARIOS[name], time.perf_counter()
    rows = scenario.train(lab)
    found = scenario.read(rows)
    for check in found.checks:
        print(f"{check.word:5} {scenario.title}: {check.expected} ({check.found})", flush=True)
    seconds = round(time.perf_counter() - begin)
    named = {"name": name, "title": scenario.title, "answer": scenario.answer, "seconds": seconds}
    return named | to_plain(found) | {"rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scenarios", nargs="*", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--smoke", action="store_true", help="a twentieth of the steps")
    options = parser.parse_args()
    if wrong := sorted(set(options.scenarios) - set(SCENARIOS)):
        parser.error(f"no scenario {wrong[0]!r}; choose from {', '.join(SCENARIOS)}")
    configure_process()
    name, share = ("scenarios-smoke", SMOKE) if options.smoke else ("scenarios", 1.0)
    lab = Lab(ROOT / "runs" / name, share)
    found = [result(name, lab) for name in options.scenarios or SCENARIOS]
    if options.smoke or options.scenarios:
        path = lab.folder / "scenarios.json"
        path.write_text(json.dumps({"scenarios": found}, indent=1) + "\n", encoding="utf-8")
        print(path)
    else:
        print(write("scenarios", scenarios=found))
    sys.exit(any(check["holds"] is False for one in found for check in one["checks"]))


if __name__ == "__main__":
    main()
