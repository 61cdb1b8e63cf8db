"""Plan and cost of a sweep, counted before anything is compiled."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from epiplexity_jax.runtime.processes import is_multiprocess
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.plan import Plan
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.trainer import WaveTiming
from epiplexity_jax.sweep.wave import Wave


@dataclass(frozen=True)
class PlanSummary:
    """A plan in numbers.

    Attributes:
        summary: totals of the sweep: `train_tokens` and `flops` (training and evaluation) are what
            is still to come, `idle_share` is the part of the devices' time spent on padding,
            `estimated_memory_bytes` what was planned with; after timing also `wall_seconds` and
            `memory_bytes`, the most that a device holds in a step of the compiled programs (null
            where it is not known).
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
    runs, trainer = plan.trainer.runs, plan.trainer
    todo = [run for run in plan.runs if run.run_id not in finished]
    waves = trainer.waves(todo, {}, Hardware.of(devices, alone=not is_multiprocess()))
    rows: dict[Any, dict[str, Any]] = {}
    timings: dict[Any, WaveTiming] = {}
    held = 0.0  # FLOPs, those spent on padding included
    for wave in waves:
        members = [runs[i] for i in wave.run_ids]
        held += max(run.flops for run in members) * wave.slots
        first = members[0]
        row = rows.setdefault(first.cohort, _empty_row(len(rows) + 1, first, wave))
        row["members"] += len(members)
        row["waves"] += 1
        row["train_tokens"] += sum(run.steps * run.tokens_per_step for run in members)
        row["flops"] += sum(run.flops for run in members)
        row["sources"] = sorted({*row["sources"], *(run.dataset.name for run in members)})
        if not measured:
            continue
        if first.cohort not in timings:  # the cohort's first wave is the one that is timed
            timing = timings[first.cohort] = trainer.time(wave, devices)
            row["wall_seconds"] = timing.compile_seconds
            row["memory_bytes"] = timing.memory_bytes
        row["wall_seconds"] += timings[first.cohort].wave_seconds(wave.iterations)
    flops = sum(row["flops"] for row in rows.values())
    planned = [row["estimated_memory_bytes"] for row in rows.values()]
    summary = {
        "runs": len(plan.runs),
        "finished": len(plan.runs) - len(todo),
        "cohorts": len(rows),
        "waves": len(waves),
        "params": sum(run.cost.params for run in todo),
        "train_tokens": sum(row["train_tokens"] for row in rows.values()),
        "flops": flops,
        "devices": f"{len(devices)} x {devices[0].device_kind}",
        "estimated_memory_bytes": max(filter(None, planned), default=None),
        "idle_share": 1.0 - flops / held if held else 0.0,
        "compute_dtype": plan.compute_dtype,
        "steps": plan.runs[0].steps,
        "iterations": plan.runs[0].iterations,
    }
    if measured:
        measured_bytes = filter(None, (row["memory_bytes"] for row in rows.values()))
        summary["wall_seconds"] = sum(row["wall_seconds"] for row in rows.values())
        summary["memory_bytes"] = max(measured_bytes, default=None)
    return PlanSummary(summary, tuple(rows.values()))


def _empty_row(number: int, run: RunSpec, wave: Wave) -> dict[str, Any]:
    fit = wave.fit
    return {
        "cohort": number,
        "size": str(run.size),
        "sources": [],
        "microbatch": fit.microbatch if fit else run.dataset.microbatch,
        "rematerialises": bool(fit and fit.remat),
        "estimated_memory_bytes": fit.memory_bytes if fit else None,
        "data_devices": wave.layout.data,
        "shards_state": wave.layout.shard_state,
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
