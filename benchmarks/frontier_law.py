"""How far is each frontier procedure from the optimum of a law that is known?

Run: python benchmarks/frontier_law.py  (a few seconds). Curves of a capped law, exact, at 16
record points per decade, sizes a factor 2 and 4 apart; largest relative error of MDL - test E
and of S_T over the budgets whose optimum lies inside the grid. Expect refined below 3 % and 9 %.
"""

import numpy as np
from result import write
from simulated_laws import GRIDS, LAWS, inside

from epiplexity_jax.analysis import PROCEDURES, trace
from epiplexity_jax.analysis.simulate import sweep
from epiplexity_jax.coding import record_points

STEPS = record_points(20_000)
BUDGETS = 200


def errors(name: str, factor: int) -> list[dict]:
    law, (low, high, test) = LAWS[name], GRIDS[name]
    sizes = [int(size) for size in low * factor ** np.arange(40.0) if size <= high * 1.01]
    tokens = int(2 * test / STEPS[-1])
    curves = sweep(law, sizes, STEPS, tokens)
    rows = []
    for procedure in PROCEDURES:
        frontier = trace(curves, test_tokens=test, procedure=procedure)
        optima = inside(law, frontier, sizes, float(STEPS[-1] * tokens), BUDGETS)
        irreducible = law.irreducible_bits(test)
        found = [frontier.at(compute) for compute in optima]
        gains, lengths = [], []
        for one, best in zip(found, optima.values(), strict=True):
            gains.append((one.mdl_bits - irreducible) / (best.mdl_bits - irreducible) - 1)
            lengths.append(one.epiplexity_bits / best.epiplexity_bits - 1)
        rows.append(
            {
                "law": name,
                "size_factor": factor,
                "sizes": len(sizes),
                "procedure": procedure,
                "budgets": len(optima),
                "reducible_mdl_error_max": round(float(np.abs(gains).max()), 4),
                "epiplexity_error_max": round(float(np.abs(lengths).max()), 4),
                "epiplexity_error_median": round(float(np.median(np.abs(lengths))), 4),
            }
        )
    return rows


def main() -> None:
    rows = [row for name in LAWS for factor in (2, 4) for row in errors(name, factor)]
    print(f"{'law':22} factor procedure     MDL - test E    S_T max  S_T median")
    for row in rows:
        print(
            f"{row['law']:22} {row['size_factor']:6d} {row['procedure']:12}"
            f" {row['reducible_mdl_error_max']:13.1%} {row['epiplexity_error_max']:10.1%}"
            f" {row['epiplexity_error_median']:10.1%}"
        )
    print(write("frontier_law", rows=rows))


if __name__ == "__main__":
    main()
