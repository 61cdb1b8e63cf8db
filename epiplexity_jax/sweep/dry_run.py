"""What a sweep would train and cost, said before anything is compiled."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from epiplexity_jax.engine.cohort_spec import sampling_passes
from epiplexity_jax.families.spec import DeviceFamily
from epiplexity_jax.runtime.processes import is_multiprocess
from epiplexity_jax.sweep.config import Requential
from epiplexity_jax.sweep.dry_run_timing import Calibration, calibrate
from epiplexity_jax.sweep.fit_memory import Hardware
from epiplexity_jax.sweep.pack_waves import Wave, pack
from epiplexity_jax.sweep.plan import Plan, Run, max_iterations
from epiplexity_jax.sweep.run_model import model_of


@dataclass(frozen=True)
class PlanSummary:
    """A plan in numbers.

    Attributes:
        summary: totals of the sweep: runs, finished, cohorts, waves, params, train_tokens, flops
            (training and evaluation still to come), devices, idle_share (part of the devices' time
            spent on padding, weighed by cost); after a calibration also wall_seconds and
            memory_bytes (the most that a device holds in a step of the compiled
            programs; null where it is not known); estimated_memory_bytes, what was planned with.
        cohorts: one dict a cohort, with the same words.
    """

    summary: dict[str, Any]
    cohorts: tuple[dict[str, Any], ...]

    def rows(self) -> list[dict[str, Any]]:
        """One row a cohort."""
        return list(self.cohorts)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**self.summary, "cohorts": self.rows()}


def summarise(
    plan: Plan, devices: Sequence[Any], finished: Collection[str], measured: bool = False
) -> PlanSummary:
    """Count what a plan still has to do.

    Args:
        plan: the validated sweep.
        devices: to train on.
        finished: run ids that the store holds already.
        measured: run a few steps of every cohort, to say how long all will take.
    """
    todo = [run for run in plan.runs if run.run_id not in finished]
    waves = [Wave((run,), 1) for run in todo]
    if isinstance(plan.family, DeviceFamily):
        waves = pack(plan, todo, Hardware.of(devices, alone=not is_multiprocess()))
    rows: dict[Any, dict[str, Any]] = {}
    busy: Counter[str] = Counter()
    taken: dict[Any, Calibration] = {}
    for wave in waves:
        flops = [_flops(plan, run) for run in wave.runs]
        busy["used"] += int(sum(flops))
        busy["held"] += int(max(flops) * wave.slots)
        first = wave.runs[0]
        key = first.cohort
        row = rows.setdefault(key, _empty_row(len(rows) + 1, wave))
        row["members"] += len(wave.runs)
        row["waves"] += 1
        row["train_tokens"] += sum(_tokens(plan, run) for run in wave.runs)
        row["flops"] += sum(flops)
        row["sources"] = sorted({*row["sources"], *(run.dataset.name for run in wave.runs)})
        if measured:
            _add_time(row, taken, key, plan, wave, devices)
    planned = [row["estimated_memory_bytes"] for row in rows.values()]
    summary = {
        "runs": len(plan.runs),
        "finished": len(plan.runs) - len(todo),
        "cohorts": len(rows),
        "waves": len(waves),
        "params": sum(run.cost.params for run in todo),
        "train_tokens": sum(row["train_tokens"] for row in rows.values()),
        "flops": sum(row["flops"] for row in rows.values()),
        "devices": f"{len(devices)} x {devices[0].device_kind}",
        "estimated_memory_bytes": max(filter(None, planned), default=None),
        "idle_share": 1.0 - busy["used"] / busy["held"] if busy["held"] else 0.0,
        "compute_dtype": plan.compute_dtype,
        "steps": plan.sweep.training.steps,
        "iterations": max_iterations(plan.sweep),
    }
    if measured:
        held = [row["memory_bytes"] for row in rows.values() if row["memory_bytes"] is not None]
        summary["wall_seconds"] = sum(row["wall_seconds"] for row in rows.values())
        summary["memory_bytes"] = max(held, default=None)
    return PlanSummary(summary, tuple(rows.values()))


def _add_time(
    row: dict[str, Any],
    taken: dict[Any, Calibration],
    key: Any,
    plan: Plan,
    wave: Wave,
    devices: Sequence[Any],
) -> None:
    """Add a wave's time to its cohort's row; the cohort's first wave is the one that is timed."""
    if key not in taken:
        taken[key] = calibrate(plan, wave, devices)
        row |= {"wall_seconds": taken[key].compile_seconds, "memory_bytes": taken[key].memory_bytes}
    row["wall_seconds"] += taken[key].wave_seconds(max_iterations(plan.sweep))


def _empty_row(number: int, wave: Wave) -> dict[str, Any]:
    run = wave.runs[0]
    return {
        "cohort": number,
        "size": str(run.size),
        "sources": [],
        "microbatch": wave.fit.microbatch if wave.fit else run.dataset.microbatch,
        "rematerialises": bool(wave.fit and wave.fit.rematerialises),
        "estimated_memory_bytes": wave.fit.memory_bytes if wave.fit else None,
        "data_devices": wave.data,
        "shards_state": wave.spreads,
        "members": 0,
        "waves": 0,
        "params": run.cost.params,
        "train_flops_per_token": run.cost.train_flops_per_token,
        "declared_train_flops_per_token": run.declared.train_flops_per_token,
        "eval_flops_per_token": run.cost.eval_flops_per_token,
        "declared_eval_flops_per_token": run.declared.eval_flops_per_token,
        "train_tokens": 0,
        "flops": 0.0,
    }


def _tokens(plan: Plan, run: Run) -> int:
    return run.steps * plan.sweep.training.batch_size * run.dataset.task.total_tokens


def _flops(plan: Plan, run: Run) -> float:
    """FLOPs of training and of what is scored at its end, by all weights."""
    heldout = 2 * run.dataset.layout.sequences * run.dataset.task.total_tokens
    train, evaluate = run.cost.train_flops_per_token, run.cost.eval_flops_per_token
    per_token = train
    if isinstance(plan.sweep.estimator, Requential):  # teacher and student, and the samples
        passes = 1 + sampling_passes(model_of(plan, run), run.dataset.task)
        per_token = 2 * train + passes * evaluate
        heldout *= 2
    elif run.exact:  # the training stream, once more
        per_token += 2 * evaluate
    return _tokens(plan, run) * per_token + heldout * evaluate
