"""How near are the frontier's procedures to the optimum of a law, with noise and few sizes?

Run: python benchmarks/procedures.py  (about 15 minutes on two cores; `--quick`: 3, writes nothing).
Curves of five published laws, capped at the loss of uniform predictions, are simulated with errors:
3 % between seeds, 0.002 nats common to all, 0.001 between record points; 3, 4 and 6 sizes over the
same range, three seeds each, 2,000 steps, ten sweeps. Areas are `paired`, so that 6 N D is the time
of training, as the exact optimum has it. Budgets are those whose exact optimum, N and D continuous,
lies inside the sizes and steps of the sweep, five to a law. For each procedure and number of sizes,
over laws, sweeps and budgets: median and 95th percentile of the relative error of S, the same of
MDL above the irreducible entropy, and `coverage`, how often the 95 % interval holds the exact
value. Expect `fitted` to have the shortest errors of MDL and to cover throughout, since the curves
follow a law: real ones do so after their beginning only. Its S is no nearer than that of `refined`:
an area depends on the exponent of data, which the last decade of every curve leaves open.
"""

import argparse
import itertools
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from result import write
from simulated_laws import GRIDS, LAWS, inside

from epiplexity_jax.analysis import PROCEDURES, trace
from epiplexity_jax.analysis.simulate import SimulatedNoise, sweep
from epiplexity_jax.coding import record_points

STEPS, SIZES, SEEDS, BUDGETS = record_points(2000), (3, 4, 6), 3, 5
NOISE = SimulatedNoise(floor_nats=2e-3, paired_nats=1e-3)
ORDER = ("raw", "hull-median", "refined", "fitted")
VALUES = ("epiplexity", "entropy", "mdl")


def sweeps_of(case: tuple[str, int, int]) -> list[dict]:
    """Errors at every budget of every sweep and procedure of one law and number of sizes."""
    name, count, sweeps = case
    law, (low, high, test) = LAWS[name], GRIDS[name]
    sizes = [int(size) for size in np.geomspace(low, high, count)]
    tokens = int(2 * test / STEPS[-1])
    exact = trace(sweep(law, sizes, STEPS, tokens), test_tokens=test)
    found = inside(law, exact, sizes, float(STEPS[-1] * tokens), 80)
    optima = dict(list(found.items())[:: max(1, len(found) // BUDGETS)][:BUDGETS])
    rows = []
    for sample in range(sweeps):
        generator = np.random.default_rng([list(LAWS).index(name), count, sample])
        curves = sweep(law, sizes, STEPS, tokens, SEEDS, NOISE, generator)
        for procedure in PROCEDURES:
            frontier = trace(curves, test_tokens=test, procedure=procedure)
            for compute, best in optima.items():
                one, floor = frontier.at(compute), law.irreducible_bits(test)
                row = {"procedure": procedure, "sizes": count, "law": name}
                row["epiplexity"] = one.epiplexity_bits / best.epiplexity_bits - 1
                row["mdl"] = (one.mdl_bits - floor) / (best.mdl_bits - floor) - 1
                for value in VALUES:
                    low_end, high_end = getattr(one, f"{value}_bits_interval")
                    true = getattr(best, f"{value}_bits")
                    covers = (low_end is None or low_end <= true) and (
                        high_end is None or true <= high_end
                    )
                    row[f"{value}_covered"] = bool(covers)
                rows.append(row)
    return rows


def summary(rows: list[dict]) -> dict:
    found: dict[str, float] = {"answers": len(rows)}
    for value in ("epiplexity", "mdl"):
        errors = np.abs([row[value] for row in rows])
        found[f"{value}_error_median"] = round(float(np.median(errors)), 4)
        found[f"{value}_error_95"] = round(float(np.quantile(errors, 0.95)), 4)
    for value in VALUES:
        covered = [row[f"{value}_covered"] for row in rows]
        found[f"{value}_coverage"] = round(float(np.mean(covered)), 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    cases = [(*case, 2 if quick else 10) for case in itertools.product(LAWS, SIZES)]
    with ProcessPoolExecutor(2) as pool:
        every = [row for rows in pool.map(sweeps_of, cases) for row in rows]
    rows = []
    for procedure, count in itertools.product(ORDER, SIZES):
        of = [row for row in every if (row["procedure"], row["sizes"]) == (procedure, count)]
        rows.append({"procedure": procedure, "sizes": count} | summary(of))
        print(rows[-1], flush=True)
    if not quick:
        print(write("procedures", seeds=SEEDS, sweeps=cases[0][2], laws=len(LAWS), rows=rows))


if __name__ == "__main__":
    main()
