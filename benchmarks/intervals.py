"""Do the 95 % intervals of a frontier cover the truth, and are they no wider than they must be?

Run: python benchmarks/intervals.py  (about two minutes on two cores). For each law 200 sweeps of
six sizes and three seeds are simulated: seeds deviate smoothly by 3 % of the loss above E, the
held-out set's error is common to all members, every record point has a paired error of its own.
At each budget: how often the interval holds the analytic S_T, and its median half-width over the
95th percentile of the error. Expect a coverage of at least 0.9 and a ratio below 3.
"""

import argparse
import math

import numpy as np
from result import write
from simulated_laws import LAWS, inside

from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.simulate import Noise, sweep
from epiplexity_jax.coding import record_points

STEPS = record_points(4000)
# Law, smallest size, factor between sizes, test tokens.
CASES = (
    ("image_8x8", 4e3, 2, 1e9),
    ("video_vq_16x16x16", 2e4, 2, 1e9),
    ("language_chinchilla", 3e6, 4, 1e10),
)
SIZES = 6


def coverage(name: str, smallest: float, factor: int, test: float, sweeps: int) -> list[dict]:
    law = LAWS[name]
    sizes = [int(smallest * factor**i) for i in range(SIZES)]
    tokens = int(2 * test / STEPS[-1])
    largest = 0.95 * float(STEPS[-1] * tokens)
    exact = trace(sweep(law, sizes, STEPS, tokens), test_tokens=test)
    # A size on each side of the optimum, so that leaving one out leaves one.
    within = inside(law, exact, sizes[1:-1], largest, 60)
    chosen = [list(within)[i] for i in np.linspace(0, len(within) - 1, 4).astype(int)]
    errors, widths = np.zeros((2, len(chosen), sweeps))
    for sample in range(sweeps):
        generator = np.random.default_rng([1, sample])
        frontier = trace(sweep(law, sizes, STEPS, tokens, 3, Noise(), generator), test_tokens=test)
        for i, compute in enumerate(chosen):
            best = within[compute].epiplexity_bits
            found = frontier.at(compute)
            low, high = found.epiplexity_bits_interval or (math.nan, math.nan)
            errors[i, sample] = found.epiplexity_bits / best - 1
            widths[i, sample] = (high - low) / 2 / best
    return [
        {
            "law": name,
            "size_factor": factor,
            "compute_flops": float(f"{compute:.2e}"),
            "sweeps": sweeps,
            "coverage": float(np.mean(np.abs(errors[i]) <= widths[i])),
            "half_width_median": round(float(np.median(widths[i])), 4),
            "error_quantile_95": round(float(np.quantile(np.abs(errors[i]), 0.95)), 4),
            "bias": round(float(errors[i].mean()), 4),
        }
        for i, compute in enumerate(chosen)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=200)
    sweeps = parser.parse_args().sweeps
    rows = []
    for case in CASES:
        for row in coverage(*case, sweeps):
            rows.append(row)
            print(
                f"{row['law']:20} T {row['compute_flops']:.1e} covers {row['coverage']:.3f}"
                f"  half-width {row['half_width_median']:.3f}"
                f"  95 % of errors {row['error_quantile_95']:.3f}"
                f"  ratio {row['half_width_median'] / row['error_quantile_95']:.2f}"
                f"  bias {row['bias']:+.3f}",
                flush=True,
            )
    print(write("intervals", rows=rows))


if __name__ == "__main__":
    main()
