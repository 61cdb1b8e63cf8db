"""The definitions once more in plain NumPy, from the files of a store to S, H, MDL and T.

Written from the definitions (docs/concepts.md, docs/frontier.md) and sharing no code with the
package: loops where that has array expressions, every switch tried out, curves added up step by
step. Prequential runs in the variant `switch`, floor `ema`, frontier `refined`.
"""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

LN2 = math.log(2.0)


def read(store: Path, source: str) -> dict[tuple[int, str], list[tuple[dict, dict]]]:
    """Finished runs of a source, by member: rows and histories, by seed."""
    members: dict[tuple[int, str], list[tuple[dict, dict]]] = {}
    for row in pq.read_table(store / "runs.parquet").to_pylist():
        if row["source"] == source and row["status"] == "finished" and row["current"]:
            file = store / "histories" / f"{row['run_id']}.parquet"
            table = pq.read_table(file)
            history = {name: np.array(table[name].to_pylist()) for name in table.column_names}
            members.setdefault((row["params"], row["size"]), []).append((row, history))
    return {
        name: sorted(runs, key=lambda run: run[0]["seed"]) for name, runs in sorted(members.items())
    }


def pchip(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Monotone cubic interpolation with the slopes of Fritsch and Butland."""
    h, slope = np.diff(x), np.diff(y) / np.diff(x)
    if len(x) == 2:
        return y[0] + slope[0] * (at - x[0])
    d = np.zeros(len(x))
    for i in range(1, len(x) - 1):
        if slope[i - 1] * slope[i] > 0:
            w1, w2 = 2 * h[i] + h[i - 1], h[i] + 2 * h[i - 1]
            d[i] = (w1 + w2) / (w1 / slope[i - 1] + w2 / slope[i])
    d[0] = edge(h[0], h[1], slope[0], slope[1])
    d[-1] = edge(h[-1], h[-2], slope[-1], slope[-2])
    found = np.empty(len(at))
    for n, value in enumerate(at):
        i = min(max(int(np.searchsorted(x, value, side="right")) - 1, 0), len(x) - 2)
        t = (value - x[i]) / h[i]
        found[n] = (
            y[i] * (1 + 2 * t) * (1 - t) ** 2
            + y[i + 1] * t * t * (3 - 2 * t)
            + h[i] * (d[i] * t * (1 - t) ** 2 + d[i + 1] * t * t * (t - 1))
        )
    return found


def edge(h0: float, h1: float, m0: float, m1: float) -> float:
    """Three-point slope at an end, cut where it would overshoot."""
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    if d * m0 <= 0:
        return 0.0
    return 3 * m0 if m0 * m1 <= 0 and abs(d) > 3 * abs(m0) else d


def summed(steps: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum over all steps before each record point."""
    if len(steps) == 1:
        return np.zeros(1)
    every = pchip(np.log1p(steps), values, np.log1p(np.arange(steps[-1])))
    return np.array([every[:stop].sum() for stop in steps])


def correction(runs: list[tuple[dict, dict]]) -> float:
    """What the streams say about the held-out set, times its best weight, in standard errors."""
    found = [one for one in map(level, runs) if one is not None]
    if not found:
        return 0.0
    shares = np.array([1.0 / one["variance"] for one in found])
    shares /= shares.sum()
    nats = sum(s * one["nats"] for s, one in zip(shares, found, strict=True))
    # Errors that runs share: blocks of the record subset and of the rest, intervals of a stream.
    noise: dict[str, np.ndarray] = {}
    held: dict[str, np.ndarray] = {}
    for s, one in zip(shares, found, strict=True):
        for total, name, values in (
            (noise, one["stream"], s * one["own"]),
            (noise, "record", -s * centred(one["blocks"])),
            (held, "record", s * one["full"] * one["part"]),
            (held, "rest", s * one["full"] * math.sqrt(1 - one["part"] ** 2)),
        ):
            total[name] = total[name] + values if name in total else values
    misfit = sum(s**2 * one["misfit"] for s, one in zip(shares, found, strict=True))
    spread = misfit + sum(np.sum(values**2) for values in noise.values())
    known = sum(np.sum(values**2) for values in held.values())
    return nats * known / (known + spread)


def centred(blocks: np.ndarray) -> np.ndarray:
    """Deviations of blocks whose squares add up to the variance of their mean."""
    return (blocks - blocks.mean()) / math.sqrt(len(blocks) * (len(blocks) - 1))


def level(run: tuple[dict, dict]) -> dict | None:
    """Online less held-out loss of the raw weights late in training, and its errors."""
    row, history = run
    steps, n = history["step"], row["label_tokens_per_step"]
    sums, spread = history["online_loss_sum_nats"], np.diff(history["online_loss_sum_var"])
    blocks = history["heldout_raw_block_losses_nats"].T
    within = np.array([np.diff(summed(steps, block)) for block in blocks]) / np.diff(steps)
    best = None
    for part in (0.75, 0.5, 0.25):
        used = [i for i in range(len(steps) - 1) if steps[i] >= (1 - part) * steps[-1]]
        if len(used) < 3:
            continue
        share = np.zeros(len(steps) - 1)
        share[used] = np.diff(steps)[used] / np.diff(steps)[used].sum()
        above = np.diff(sums) / (np.diff(steps) * n) - within.mean(axis=0)
        nats = float(share @ above)
        sampling = sum(share[i] ** 2 * spread[i] / (n * np.diff(steps)[i]) ** 2 for i in used)
        rest = 1 - np.sum(share**2)
        scatter = sum(share[i] * (above[i] - nats) ** 2 for i in used) / rest
        expected = sum(
            share[i] * (1 - share[i]) * spread[i] / (n * np.diff(steps)[i]) ** 2 for i in used
        )
        misfit = max(scatter - expected / rest, 0.0) * np.sum(share**2)
        own = within @ share - blocks[:, -1]
        variance = sampling + misfit + own.var(ddof=1) / len(own)
        if best is None or variance < best["variance"]:
            final = centred(blocks[:, -1])
            scale = history["heldout_raw_loss_stderr"][-1] / math.sqrt(np.sum(final**2))
            best = {
                "nats": nats - (history["heldout_raw_loss_nats"][-1] - blocks[:, -1].mean()),
                "variance": variance,
                "misfit": misfit,
                "blocks": own,
                "own": share / (np.diff(steps) * n) * np.sqrt(spread),
                "stream": f"stream {row['seed']}",
                "full": final * scale,
                "part": min(scale, 1.0),
            }
    if best is not None:  # in standard errors of the run's own full held-out set
        unit = history["heldout_raw_loss_stderr"][-1]
        for name in ("nats", "blocks", "own", "full"):
            best[name] = best[name] / unit
        best |= {name: best[name] / unit**2 for name in ("variance", "misfit")}
    return best


def member(runs: list[tuple[dict, dict]], shift: float, test: float) -> dict[str, np.ndarray]:
    """Step, T, S and H of a member at its record points: means over seeds, in bits and FLOPs."""
    steps = min((history["step"] for _, history in runs), key=lambda s: s[-1])
    row = runs[0][0]
    n, size = row["label_tokens_per_step"], len(steps)
    raw, ema, raw_floor, ema_floor = np.zeros((4, size))
    raw_unit = np.mean([history["heldout_raw_loss_stderr"][-1] for _, history in runs])
    ema_unit = np.mean([history["heldout_loss_stderr"][-1] for _, history in runs])
    for _, history in runs:
        raw_blocks = history["heldout_raw_block_losses_nats"].mean(axis=1)
        ema_blocks = history["heldout_block_losses_nats"].mean(axis=1)
        online = history["online_loss_sum_nats"]
        raw += online / len(runs)
        ema += (online - n * summed(steps, raw_blocks - ema_blocks)) / len(runs)
        raw_floor += (history["heldout_raw_loss_nats"][-1] + raw_blocks - raw_blocks[-1]) / len(
            runs
        )
        ema_floor += (history["heldout_loss_nats"][-1] + ema_blocks - ema_blocks[-1]) / len(runs)
    model, data, time = np.zeros((3, size))
    cost, evaluation = row["train_flops_per_token"], row["eval_flops_per_token"]
    for end in range(size):
        labels = n * steps[end]
        codes = [(raw[end], raw_floor[end] + shift * raw_unit, 0.0)]  # never
        codes += [
            (
                raw[k] + ema[end] - ema[k],
                ema_floor[end] + shift * ema_unit,
                float(steps[end] - steps[k]),
            )
            for k in range(end + 1)
        ]
        lengths = [stream + (test - labels) * floor for stream, floor, _ in codes]
        stream, floor, averaged = codes[int(np.argmin(lengths[1:])) + 1]
        if lengths[0] < min(lengths[1:]):
            stream, floor, averaged = codes[0]
        named = math.log2(end + 2) if end else 0.0
        model[end] = (stream - labels * floor) / LN2 + named
        data[end] = test * floor / LN2
        tokens = row["train_tokens_per_step"]
        time[end] = tokens * (steps[end] * cost + averaged * evaluation)
        time[end] += test * row["tokens_per_label"] * evaluation
    return {"step": steps, "time": time, "model": model, "data": data}


def frontier(members: list[dict[str, np.ndarray]]) -> np.ndarray:
    """[K, 3] T, S and H along the lower hull in log T and log MDL of finely interpolated curves."""
    points = []
    for one in members:
        x = np.log1p(one["step"])
        fine = sorted(
            {
                round(math.expm1(x[i] + j / 10 * (x[i + 1] - x[i])))
                for i in range(len(x) - 1)
                for j in range(10)
            }
            | set(one["step"].tolist())
        )
        at = np.log1p(np.array(fine, dtype=float))
        points += zip(
            np.interp(fine, one["step"], one["time"]),
            pchip(x, one["model"], at),
            pchip(x, one["data"], at),
            strict=True,
        )
    points.sort(key=lambda p: (p[0], p[1] + p[2]))
    kept: list[tuple[float, float, float]] = []
    for p in points:
        if not kept or p[1] + p[2] < kept[-1][1] + kept[-1][2]:
            kept.append(p)
    hull: list[tuple[float, float, float]] = []
    for p in kept:
        while len(hull) > 1 and not below(hull[-2], hull[-1], p):
            hull.pop()
        hull.append(p)
    return np.array(hull)


def below(a: tuple, b: tuple, c: tuple) -> bool:
    """Whether b lies below the line from a to c, in log T and log MDL."""
    (xa, ya), (xb, yb), (xc, yc) = (
        (math.log(p[0]), math.log(max(p[1] + p[2], 1.0))) for p in (a, b, c)
    )
    return (xb - xa) * (yc - ya) > (yb - ya) * (xc - xa)


def at(hull: np.ndarray, compute: float) -> tuple[float, float]:
    """S and H at a budget, interpolated in log T."""
    x = np.log(hull[:, 0])
    model, data = (float(np.interp(math.log(compute), x, hull[:, i])) for i in (1, 2))
    return model, data


def expected(store: Path, source: str, test: float) -> str:
    """S and H of a store at a few budgets, as JSON, for a reader of this file."""
    runs = read(store, source)
    shift = correction([run for seeds in runs.values() for run in seeds])
    hull = frontier([member(seeds, shift, test) for seeds in runs.values()])
    budgets = np.geomspace(hull[0, 0], hull[-1, 0], 7)
    return json.dumps({float(b): at(hull, b) for b in budgets})
