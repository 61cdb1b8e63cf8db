"""The row that a finished run leaves in the store."""

import platform
from datetime import UTC, datetime
from typing import Any

import jax

from epiplexity_jax._version import __version__
from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.families.spec import DeviceFamily
from epiplexity_jax.sweep.plan import Plan, Run


def stored_row(
    plan: Plan, run: Run, status: RunStatus, message: str, steps_done: int, wall_seconds: float
) -> dict[str, Any]:
    """Everything about a run but its history; the columns are those of `store.schema`."""
    sweep, info, layout = plan.sweep, run.dataset.source.info, run.dataset.layout
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
        "learning_rate": sweep.training.learning_rate if trained else None,
        "estimator": sweep.estimator.kind,
        "variant": sweep.estimator.variant or ("paired" if trained else "online"),
        "variants": ["paired", "online"] if trained else ["online"],
        "floor": sweep.estimator.floor,
        "status": str(status),
        "message": message,
        "steps": run.steps,
        "steps_done": steps_done,
        "batch_size": batch,
        "vocab_size": info.vocab_size,
        "length": info.length,
        "label_tokens_per_step": batch * info.label_tokens,
        "train_tokens_per_step": batch * info.total_tokens,
        "tokens_per_label": info.tokens_per_label,
        "train_flops_per_token": run.cost.train_flops_per_token,
        "eval_flops_per_token": run.cost.eval_flops_per_token,
        "entropy_rate_nats": info.entropy_rate_nats,
        "bytes_per_token": info.bytes_per_token,
        "heldout_tokens": layout.sequences * info.label_tokens,
        "record_tokens": layout.tile * info.label_tokens,
        "test_tokens": sweep.frontier.test_tokens,
        "source_fingerprint": info.fingerprint,
        "wall_seconds": wall_seconds,
        "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "version": __version__,
        "jax_version": jax.__version__,
        "python_version": platform.python_version(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
