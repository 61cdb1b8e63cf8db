"""The row of a run in the store: what is known when it is planned, and what its end adds."""

import json
import os
import platform
from datetime import UTC, datetime
from typing import Any

import jax

from epiplexity_jax._version import __version__
from epiplexity_jax.engine.recorder import Outcome
from epiplexity_jax.families.spec import Cost, Size
from epiplexity_jax.runtime.compat import compiler_options
from epiplexity_jax.sweep.config import Recipe, Sweep
from epiplexity_jax.sweep.dataset import Dataset
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.wave import Wave


def planned_row(
    sweep: Sweep, dataset: Dataset, size: Size, cost: Cost, recipe: Recipe
) -> dict[str, Any]:
    """Columns of a run that hold for all seeds of a size on a source.

    Args:
        sweep: the config.
        dataset: the source.
        size: the model's size.
        cost: the model's cost.
        recipe: the recipe by which it trains.
    """
    info, task = dataset.info, dataset.task
    batch, estimator = recipe.batch_size, sweep.estimator.model_dump()
    return {
        "current": True,
        "source": dataset.name,
        "config_source": dataset.name,
        "family": sweep.family.model_dump()["kind"],
        "size": str(size),
        **{axis: size.get(axis) for axis in ("width", "depth", "order")},
        "params": cost.params,
        "estimator": estimator["kind"],
        "floor": estimator["floor"],
        "steps": recipe.steps,
        "batch_size": batch,
        "vocab_size": task.vocab_size,
        "length": task.length,
        "label_tokens_per_step": max(round(batch * dataset.mean_labels), 1),
        "train_tokens_per_step": batch * task.total_tokens,
        "tokens_per_label": task.total_tokens / dataset.mean_labels,
        "train_flops_per_token": cost.train_flops_per_token,
        "eval_flops_per_token": cost.eval_flops_per_token,
        "entropy_rate_nats": info.entropy_rate_nats,
        "rate_is_unbounded": info.rate_is_unbounded,
        "bytes_per_token": info.bytes_per_token,
        "replays": info.replays,
        "heldout_tokens": dataset.heldout_labels(),
        "heldout_split": dataset.split and dataset.split.kind,
        "heldout_exchangeable": dataset.split is None or dataset.split.is_random,
        "heldout_verbatim_share": dataset.split and dataset.split.verbatim_share,
        "record_tokens": dataset.heldout_labels(1),
        "test_tokens": sweep.frontier.test_tokens,
        "source_fingerprint": info.fingerprint,
        "notes": list(info.notes),
    }


def finished_row(run: RunSpec, wave: Wave, outcome: Outcome, wall_seconds: float) -> dict[str, Any]:
    """All columns of a run but its history; see `store.schema.RUNS`.

    Args:
        run: the run that ended.
        wave: the wave in which it trained.
        outcome: how it ended.
        wall_seconds: the run's share of the wave's time.
    """
    return {
        **run.row,
        "status": str(outcome.status),
        "message": outcome.message,
        "steps_done": outcome.steps_done,
        "teacher_steps": outcome.teacher_steps,
        "flops_ratio": None,
        "wall_seconds": wall_seconds,
        "layout": json.dumps(_layout(wave)),
        "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "version": __version__,
        "jax_version": jax.__version__,
        "python_version": platform.python_version(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _layout(wave: Wave) -> dict[str, Any]:
    """Describe how a wave was cut and compiled: layout moves last bits, and is no identity."""
    kind = jax.devices()[0].platform
    fit = {} if wave.fit is None else wave.fit._asdict()
    return {
        **fit,
        "members": len(wave.run_ids),
        "slots": wave.slots,
        "data_devices": wave.layout.data,
        "shard_state": wave.layout.shard_state,
        "platform": kind,
        "devices": jax.device_count(),
        "processes": jax.process_count(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "compiler_options": compiler_options(kind),
    }
