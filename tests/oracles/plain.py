"""The definitions once more in plain NumPy, from the files of a store to S, H, MDL and T.

Written from the definitions (docs/concepts.md, docs/frontier.md) and sharing no code with the
package: loops where that has array expressions, every switch tried out, curves added up step by
step. Prequential and requential runs in the variant `switch`, floor `ema`, frontier `refined`.
"""

import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

LN2 = math.log(2.0)


def read(store: Path, source: str) -> dict[tuple[int, str], list[tuple[dict, dict]]]:
    """Finished runs of a source but those of tuning, by member: rows and histories, by seed."""
    members: dict[tuple[int, str], list[tuple[dict, dict]]] = {}
    for row in pq.read_table(store / "runs.parquet").to_pylist():
        reported = row["current"] and row.get("role") in (None, "member")
        if row["source"] == source and row["status"] == "finished" and reported:
            file = store / "histories" / f"{row['run_id']}.parquet"
            table = pq.read_table(file)
            columns = [name for name in table.column_names if not table[name].null_count]
            history = {name: np.array(table[name].to_pylist()) for name in columns}
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


def weights(steps: np.ndarray) -> np.ndarray:
    """[R, R] weight of each record point in the sums of `summed`, where slopes are 0."""
    total = np.zeros((len(steps), len(steps)))
    for step in range(int(steps[-1])):
        i = int(np.searchsorted(steps, step, side="right")) - 1
        low, high = math.log1p(steps[i]), math.log1p(steps[i + 1])
        t = (math.log1p(step) - low) / (high - low)
        total[i, i + 1 :] += 1 - t * t * (3 - 2 * t)
        total[i + 1, i + 1 :] += t * t * (3 - 2 * t)
    return total


def heldout(history: dict[str, np.ndarray], name: str) -> dict:
    """Losses at the level of the whole set, slopes, and errors of subsets and of the whole set.

    Errors are by name and subset: [blocks, R] each.
    """
    own, turns = history[f"{name}_block_losses_nats"].copy(), history.get("heldout_turn")
    final = history.get(f"{name}_final_block_losses_nats")
    count, last = own.shape[1], len(own) - 1
    if final is not None:
        own[last] = final[last]
    slopes, losses = np.ones(last + 1), np.empty(last + 1)
    errors: dict[str, np.ndarray] = {}
    for i, blocks in enumerate(own):
        end = own[last] if final is None else final[i]
        spread = np.sum((end - end.mean()) ** 2)
        if i < last and spread > 0:
            if np.ptp(blocks) <= 1e-6 * np.mean(np.abs(blocks)):
                slopes[i] = 0.0
            elif count >= 16:
                slopes[i] = np.sum((blocks - blocks.mean()) * (end - end.mean())) / spread
        whole = history[f"{name}_loss_nats"][last]
        losses[i] = blocks.mean() + slopes[i] * (whole - end.mean()) if i < last else whole
        subset = "record" if final is None or not turns[i] else f"turn {turns[i]}"
        if i < last:
            rows = errors.setdefault(subset, np.zeros((count, last + 1)))
            rows[:, i] = centred(blocks - slopes[i] * end)
    end = centred(own[last])
    size, stderr = math.sqrt(np.sum(end**2)), history[f"{name}_loss_stderr"][last]
    share, size = (min(stderr / size, 1.0), size) if size else (0.0, 1.0)  # of blocks all equal
    whole = {"whole": end}
    if final is None:
        whole = {"record": share * end, "rest": math.sqrt(1 - share**2) * end}
        whole = {subset: rows * stderr / size for subset, rows in whole.items()}
    return {"losses": losses, "slopes": slopes, "errors": errors, "whole": whole, "unit": stderr}


def gain(history: dict[str, np.ndarray]) -> np.ndarray:
    """[R] raw less averaged weights' loss on what each record point scored."""
    means = []
    for name in ("heldout_raw", "heldout"):
        own = history[f"{name}_block_losses_nats"].mean(axis=1)
        final = history.get(f"{name}_final_block_losses_nats")
        if final is not None:
            own[-1] = final[-1].mean()
        means.append(own)
    return means[0] - means[1]


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
    # Errors that runs share: blocks of the held-out subsets, intervals of a stream.
    noise: dict[str, np.ndarray] = {}
    held: dict[str, np.ndarray] = {}
    for s, one in zip(shares, found, strict=True):
        errors = [(noise, one["stream"], s * one["own"])]
        errors += [(noise, name, -s * values) for name, values in one["subsets"].items()]
        errors += [(held, name, s * values) for name, values in one["whole"].items()]
        for total, name, values in errors:
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
    row, history = learner(*run)
    steps, n = history["step"], row["label_tokens_per_step"]
    sums, spread = history["online_loss_sum_nats"], np.diff(history["online_loss_sum_var"])
    raw = heldout(history, "heldout_raw")
    within = np.diff(summed(steps, raw["losses"])) / np.diff(steps)
    ends = np.diff(weights(steps), axis=1) / np.diff(steps)
    best = None
    for part in (0.75, 0.5, 0.25):
        used = [i for i in range(len(steps) - 1) if steps[i] >= (1 - part) * steps[-1]]
        if len(used) < 3:
            continue
        share = np.zeros(len(steps) - 1)
        share[used] = np.diff(steps)[used] / np.diff(steps)[used].sum()
        above = np.diff(sums) / (np.diff(steps) * n) - within
        nats = float(share @ above)
        sampling = sum(share[i] ** 2 * spread[i] / (n * np.diff(steps)[i]) ** 2 for i in used)
        rest = 1 - np.sum(share**2)
        scatter = sum(share[i] * (above[i] - nats) ** 2 for i in used) / rest
        expected = sum(
            share[i] * (1 - share[i]) * spread[i] / (n * np.diff(steps)[i]) ** 2 for i in used
        )
        subsets = {name: rows @ (ends @ share) for name, rows in raw["errors"].items()}
        for rows in raw["errors"].values():  # how far errors of held-out subsets scatter it
            moves = rows @ ends
            expected += share @ np.sum(moves**2, axis=0) - np.sum((moves @ share) ** 2)
        misfit = max(scatter - expected / rest, 0.0) * np.sum(share**2)
        variance = sampling + misfit + sum(np.sum(rows**2) for rows in subsets.values())
        if best is None or variance < best["variance"]:
            best = {
                "nats": nats,
                "variance": variance,
                "misfit": misfit,
                "own": share / (np.diff(steps) * n) * np.sqrt(spread),
                "stream": f"stream {row['seed']} {row['batch_size']}",
                "subsets": subsets,
                "whole": raw["whole"],
                "moved": float(ends @ share @ raw["slopes"]),
            }
    if best is not None and (best["moved"] < 0.1 or raw["unit"] == 0):
        return None
    if best is not None:  # in as much of the full set's standard error as moves what is compared
        unit = raw["unit"] * best["moved"]
        best |= {name: best[name] / unit for name in ("nats", "own")}
        best |= {name: best[name] / unit**2 for name in ("variance", "misfit")}
        best["subsets"] = {subset: rows / unit for subset, rows in best["subsets"].items()}
        best["whole"] = {subset: rows / raw["unit"] for subset, rows in best["whole"].items()}
    return best


def learner(row: dict, history: dict[str, np.ndarray]) -> tuple[dict, dict]:
    """The run that learns from real data: itself, or a student's teacher in steps of its own.

    Of record points between which it waited the last one counts.
    """
    if row["estimator"] != "requential":
        return row, history
    steps = np.rint(history["teacher_tokens"] / row["train_tokens_per_step"]).astype(int)
    last = [i for i in range(len(steps)) if i + 1 == len(steps) or steps[i + 1] > steps[i]]
    kept = {name: values[last] for name, values in history.items()}
    for name in [name for name in kept if name.startswith("teacher_heldout")]:
        kept[name.removeprefix("teacher_")] = kept[name]  # in place of the student's
    return row, kept | {"step": steps[last]}


def streams(row: dict, history: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """[R] nats of all that was sent so far by raw and by averaged weights."""
    if row["estimator"] == "requential":
        return history["kl_raw_sum_nats"], history["kl_sum_nats"]
    online, n = history["online_loss_sum_nats"], row["label_tokens_per_step"]
    return online, online - n * summed(history["step"], gain(history))


def member(runs: list[tuple[dict, dict]], shift: float, test: float) -> dict[str, np.ndarray]:
    """Step, T, S and H of a member at its record points: means over seeds, in bits and FLOPs."""
    steps = min((history["step"] for _, history in runs), key=lambda s: s[-1])
    row = runs[0][0]
    n, size = row["label_tokens_per_step"], len(steps)
    raw, ema, raw_floor, ema_floor = np.zeros((4, size))
    certified = np.zeros((2, size))
    sends = row["estimator"] == "requential"
    for one_row, history in runs:
        for total, values in zip((raw, ema), streams(one_row, history), strict=True):
            total += values / len(runs)
        if sends:
            for total, name in zip(certified, ("_raw", ""), strict=True):
                total += history[f"certified{name}_sum_bits"] / len(runs)
        for total, name in ((raw_floor, "heldout_raw"), (ema_floor, "heldout")):
            one = heldout(history, name)
            total += (one["losses"] + shift * one["unit"] * one["slopes"]) / len(runs)
    model, data, time, certain = np.zeros((4, size))
    cost, evaluation = row["train_flops_per_token"], row["eval_flops_per_token"]
    for end in range(size):
        labels = 0 if sends else n * steps[end]  # of messages no floor is taken
        codes = [(raw[end], raw_floor[end], 0.0)]  # never
        codes += [
            (
                raw[k] + ema[end] - ema[k],
                ema_floor[end],
                float(steps[end] - steps[k]),
            )
            for k in range(end + 1)
        ]
        bounds = [certified[0][end]]
        bounds += [certified[0][k] + certified[1][end] - certified[1][k] for k in range(end + 1)]
        lengths = [stream + (test - labels) * floor for stream, floor, _ in codes]
        # Of equally long ones the latest: raw weights decode in one pass.
        least_sum = min(stream for stream, _, _ in codes[1:])
        least = [
            i for i in range(1, len(codes)) if codes[i][0] - least_sum <= 1e-12 * abs(least_sum)
        ]
        never = lengths[0] <= min(lengths[1:]) * (1 + 1e-12)
        chosen = 0 if never else least[-1]
        stream, floor, averaged = codes[chosen]
        # The step of the switch, and one of the recipes that were tried.
        named = math.log2(end + 2) + math.log2(row.get("recipes") or 1) if end else 0.0
        model[end] = (stream - labels * floor) / LN2 + named
        certain[end] = bounds[chosen] + named if sends else math.nan
        data[end] = test * floor / LN2
        tokens = row["train_tokens_per_step"]
        time[end] = tokens * (steps[end] * cost + averaged * evaluation)
        time[end] += test * row["tokens_per_label"] * evaluation
    return {"step": steps, "time": time, "model": model, "data": data, "certified": certain}


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
