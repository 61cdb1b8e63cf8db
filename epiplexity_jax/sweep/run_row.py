"""The row that a finished run leaves in the store."""

import platform
from datetime import UTC, datetime
from typing import Any

import jax

from epiplexity_jax._version import __version__
from epiplexity_jax.engine.recorder import Outcome
from epiplexity_jax.families.spec import DeviceFamily
from epiplexity_jax.sweep.plan import Plan, Run


def stored_row(plan: Plan, run: Run, outcome: Outcome, wall_seconds: float) -> dict[str, Any]:
    """Everything about a run but its history; the columns are those of `store.schema`."""
    sweep, info, layout = plan.sweep, run.dataset.source.info, run.dataset.layout
    task, rate = run.dataset.task, run.dataset.entropy_rate_nats
    trained = isinstance(plan.family, DeviceFamily)
    batch = sweep.training.batch_size
    return {
        "run_id": run.run_id,
        "lineage": run.lineage,
        "current": True,
        "source": run.dataset.name,
        "family": plan.family.kind,
        "size": str(run.size),
        "width": run.size.width,
        "depth": run.size.depth,
        "order": run.size.order,
        "seed": run.seed,
        "params": run.cost.params,
        "learning_rate": run.learning_rate,
        "estimator": sweep.estimator.kind,
        "variant": run.variants[0] if sweep.estimator.variant is None else sweep.estimator.variant,
        "variants": list(run.variants),
        "floor": sweep.estimator.floor,
        "status": str(outcome.status),
        "message": outcome.message,
        "steps": run.steps,
        "steps_done": outcome.steps_done,
        "teacher_steps": outcome.teacher_steps,
        "batch_size": batch,
        "vocab_size": task.vocab_size,
        "length": task.length,
        "label_tokens_per_step": batch * task.label_tokens,
        "train_tokens_per_step": batch * task.total_tokens,
        "tokens_per_label": task.total_tokens / task.label_tokens,
        "train_flops_per_token": run.cost.train_flops_per_token,
        "eval_flops_per_token": run.cost.eval_flops_per_token,
        "flops": sweep.training.flops if trained else "declared",
        "entropy_rate_nats": rate,
        "bytes_per_token": info.bytes_per_token,
        "replays": info.replays,
        "heldout_tokens": layout.sequences * task.label_tokens,
        "record_tokens": layout.tile * task.label_tokens,
        "test_tokens": sweep.frontier.test_tokens,
        "source_fingerprint": info.fingerprint,
        "wall_seconds": wall_seconds,
        "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "version": __version__,
        "jax_version": jax.__version__,
        "python_version": platform.python_version(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
