"""How large is the error that sampled tokens leave in S and in the floor, and is it honest?

Run: python benchmarks/precision.py  (half a minute where runs/demo and runs/eca are there, which
are trained otherwise: 15 minutes on two cores)

Trained runs: text of the demo, rule 54 of configs/eca.yaml. For one seed of every size, at its end:
`s_share`, the standard error of S over S, sampled tokens alone (what seeds differ by is left out);
`s_share_plain`, the same for the `paired` area above the plain held-out set; `floor_share`, the
standard error of the corrected floor over that of the held-out set itself. Expect at most 1.2 % for
the demo's largest model, and 0.4 of the floor.

Simulated runs (`simulated_runs.py`: sequences of unequal difficulty, losses that are known, record
points that take turns over the held-out set): z, the
error of S and of the floor over their standard errors, of 500 runs. Expect a mean within 0.1 and a
standard deviation from 0.9 to 1.1.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from result import write
from simulated_runs import Simulated, runs

from epiplexity_jax import api
from epiplexity_jax.analysis import Curve
from epiplexity_jax.analysis.frontier.members import members_of
from epiplexity_jax.analysis.runs import errors
from epiplexity_jax.analysis.runs.floor import Correction, correction_of, floor_of
from epiplexity_jax.base.units import nats_to_bits
from epiplexity_jax.runtime.devices import configure_process
from epiplexity_jax.sweep.progress import Silent

ROOT = Path(__file__).parents[1]
STORES = {"text": ("demo", 5e5), "rule54": ("eca", 1e8)}  # config, and its test tokens
SAMPLES, PARAMS = 500, 1_000_000
# A share at which turns begin early in a run as short as that.
FAMILY = Simulated(record_sequences=64, heldout_sequences=4096, record_share=0.03)
SEEDS = 3  # of a simulated source, whose runs share the correction


def floor_error(curve: Curve, correction: Correction | None) -> tuple[float, float]:
    """The floor at the end of a run, nats, and its standard error."""
    floor = floor_of(curve.ema, correction)
    last = {name: rows[:, -1:] for name, rows in floor.factors.items()}
    return float(floor.losses[-1]), float(np.sqrt(errors.variance(last, np.zeros(1))[0]))


def trained(source: str) -> Iterator[dict[str, Any]]:
    """One row a size of a stored source, of its first seed."""
    config, tokens = STORES[source]
    store = ROOT / "runs" / config
    found = api.run_config(ROOT / "configs" / f"{config}.yaml", [], store, Silent())
    curves = found.curves(source)
    correction = correction_of(curves)
    for curve in sorted((c for c in curves if c.seed == 0), key=lambda c: c.params):
        (own,) = members_of([curve], tokens, "switch", "ema", correction)
        (plain,) = members_of([curve], tokens, "paired", "ema", None)
        _, whole = floor_error(curve, None)
        yield {
            "source": source,
            "size": curve.size,
            "params": curve.params,
            "s_bits": round(float(own.model_bits[-1])),
            "s_share": round(float(own.model_stderr[-1] / own.model_bits[-1]), 4),
            "s_share_plain": round(float(plain.model_stderr[-1] / plain.model_bits[-1]), 4),
            "floor_share": round(floor_error(curve, correction)[1] / whole, 4),
        }


def simulated(sample: int) -> tuple[float, float]:
    """Errors of S and of the floor of one run, in standard errors of theirs."""
    curves = runs(FAMILY, (PARAMS,), SEEDS, np.random.default_rng([7, sample]))
    correction = correction_of(curves)
    (member,) = members_of(curves[:1], 1e7, "switch", "ema", correction)
    assert member.switch_steps is not None
    area = float(nats_to_bits(FAMILY.model_nats(PARAMS, int(member.switch_steps[-1]))))
    true = area + np.log2(member.steps.size + 1)  # the code names the step of its switch
    floor, stderr = floor_error(curves[0], correction)
    level = float(FAMILY.ema_loss(np.array([float(FAMILY.steps)]), PARAMS)[0])
    return (float(member.model_bits[-1]) - true) / member.model_stderr[-1], (floor - level) / stderr


def main() -> None:
    configure_process()
    rows = [row for source in STORES for row in trained(source)]
    for row in rows:
        print(*row.values())
    with ProcessPoolExecutor(2) as pool:
        z = np.array(list(pool.map(simulated, range(SAMPLES), chunksize=25)))
    scores = {
        name: {"mean": round(float(own.mean()), 3), "std": round(float(own.std(ddof=1)), 3)}
        for name, own in zip(("S", "floor"), z.T, strict=True)
    }
    print(scores)
    largest = {row["source"]: row for row in rows}
    passed = {
        "S of the demo's largest model: at most 1.2 %": largest["text"]["s_share"] <= 0.012,
        **{
            f"{source}: the floor's error at most 0.4 of the set's own": row["floor_share"] <= 0.4
            for source, row in largest.items()
        },
        "means of z within 0.1": all(abs(one["mean"]) < 0.1 for one in scores.values()),
        "standard deviations of z from 0.9 to 1.1": all(
            0.9 <= one["std"] <= 1.1 for one in scores.values()
        ),
    }
    print(write("precision", checks=passed, rows=rows, simulated=scores | {"runs": SAMPLES}))
    for sentence, holds in passed.items():
        print("holds " if holds else "FAILS ", sentence)


if __name__ == "__main__":
    main()
