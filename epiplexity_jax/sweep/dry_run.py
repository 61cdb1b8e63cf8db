"""Plan and cost of a sweep, counted before anything is compiled."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from epiplexity_jax.runtime.processes import is_multiprocess
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.plan import Plan
from epiplexity_jax.sweep.trainer import Trainer
from epiplexity_jax.sweep.wave import Wave


@dataclass(frozen=True)
class PlanSummary:
    """A plan in numbers.

    Attributes:
        summary: totals of the sweep: `train_tokens` and `flops` (training and evaluation) are what
            is still to come, `tuning_flops` the most that tuning adds before, `idle_share` is the
            part of the devices' time spent on padding, `estimated_memory_bytes` what was planned
            with; after timing also `wall_seconds` and `memory_bytes`, the most that a device holds
            in a step of the compiled programs (null where it is not known).
        cohorts: one dict a cohort, with the same words.
    """

    summary: dict[str, Any]
    cohorts: tuple[dict[str, Any], ...]


def summarise(
    plan: Plan,
    devices: Sequence[Any],
    finished: Collection[str],
    measured: bool = False,
    tuning_flops: float = 0.0,
    begun: Mapping[str, int] | None = None,
) -> PlanSummary:
    """Count what a plan still has to do.

    Args:
        plan: the validated sweep.
        devices: the devices to train on.
        finished: run ids that the store holds already.
        measured: run a few steps of every cohort, to say how long all will take; without, programs
            are not traced either, and nothing is planned for the devices' memory.
        tuning_flops: the most that finding the recipes costs before.
        begun: steps that runs have behind them, by run id: shorter runs that they continue.
    """
    runs, trainer = plan.trainer.runs, plan.trainer
    todo = [run for run in plan.runs if run.run_id not in finished]
    hardware = Hardware.of(devices, alone=not is_multiprocess())
    waves = trainer.waves(todo, {}, hardware if measured else replace(hardware, memory_bytes=None))
    cohorts: dict[Any, list[Wave]] = {}
    for wave in waves:
        cohorts.setdefault(runs[wave.run_ids[0]].cohort, []).append(wave)
    rows = [
        {"cohort": number, **_row(trainer, own, devices if measured else (), begun or {})}
        for number, own in enumerate(cohorts.values(), 1)
    ]
    flops = sum(row["flops"] for row in rows)
    whole = sum(run.flops for run in todo)
    held = sum(max(runs[i].flops for i in wave.run_ids) * wave.slots for wave in waves)
    summary = {
        "runs": len(plan.runs),
        "finished": len(plan.runs) - len(todo),
        "cohorts": len(rows),
        "waves": len(waves),
        "params": sum(run.cost.params for run in todo),
        "train_tokens": sum(row["train_tokens"] for row in rows),
        "flops": flops,
        "tuning_flops": tuning_flops,
        "devices": f"{len(devices)} x {devices[0].device_kind}",
        "estimated_memory_bytes": _most(rows, "estimated_memory_bytes"),
        "idle_share": 1.0 - whole / held if held else 0.0,
        "compute_dtype": plan.compute_dtype,
        "steps": plan.runs[0].steps,
        "iterations": plan.runs[0].iterations,
    }
    if measured:
        summary["wall_seconds"] = sum(row["wall_seconds"] for row in rows)
        summary["memory_bytes"] = _most(rows, "memory_bytes")
    return PlanSummary(summary, tuple(rows))


def _most(rows: Sequence[Mapping[str, Any]], column: str) -> int | None:
    return max(filter(None, (row[column] for row in rows)), default=None)


def _row(
    trainer: Trainer, waves: Sequence[Wave], devices: Sequence[Any], begun: Mapping[str, int]
) -> dict[str, Any]:
    """Add up the waves of a cohort, the first of which is timed where there are devices.

    Args:
        trainer: trains the runs.
        waves: the cohort's.
        devices: the devices, or none where nothing is timed.
        begun: steps that runs have behind them, by run id.
    """
    members = [trainer.runs[i] for wave in waves for i in wave.run_ids]
    run, fit, layout = members[0], waves[0].fit, waves[0].layout
    read = sum(begun.get(member.run_id, 0) * member.tokens_per_step for member in members)
    row = {
        "size": str(run.size),
        "sources": sorted({member.dataset.name for member in members}),
        "microbatch": fit.microbatch if fit else run.microbatch,
        "rematerialises": bool(fit and fit.remat),
        "estimated_memory_bytes": fit.memory_bytes if fit else None,
        "data_devices": layout.data,
        "shards_state": layout.shard_state,
        "members": len(members),
        "waves": len(waves),
        "params": run.cost.params,
        "train_flops_per_token": run.cost.train_flops_per_token,
        "declared_train_flops_per_token": run.declared.train_flops_per_token,
        "eval_flops_per_token": run.cost.eval_flops_per_token,
        "declared_eval_flops_per_token": run.declared.eval_flops_per_token,
        "train_tokens": sum(member.steps * member.tokens_per_step for member in members) - read,
        "flops": sum(member.flops for member in members) - read * run.cost.train_flops_per_token,
    }
    if devices:
        timing = trainer.time(waves[0], devices)
        left = (wave.iterations - min(begun.get(i, 0) for i in wave.run_ids) for wave in waves)
        each = (timing.wave_seconds(steps) for steps in left)
        row["wall_seconds"] = timing.compile_seconds + sum(each)
        row["memory_bytes"] = timing.memory_bytes
    return row
