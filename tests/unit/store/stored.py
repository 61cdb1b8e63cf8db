"""Rows and histories of made-up runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from epiplexity_jax.store import Store

RECIPE = {"warmup_steps": 100, "ema_growth": 0.1, "max_kl": None, "role": "member", "recipes": 1}
_MADE_BY = {
    "version": "0.1.0",
    "jax_version": "0.10.2",
    "python_version": "3.11.2",
    "created": "2026-01-01T00:00:00+00:00",
}


def make_row(run_id: str = "a", **changes: Any) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "lineage": f"lineage-{run_id}",
        "member": None,
        "current": True,
        "source": "text",
        "family": "transformer",
        "size": "width 16, depth 1",
        "width": 16,
        "depth": 1,
        "order": None,
        "seed": 0,
        "params": 7264,
        "learning_rate": 0.03,
        "estimator": "prequential",
        "variant": "paired",
        "variants": ["paired", "online"],
        "floor": "ema",
        "status": "finished",
        "message": "",
        "steps": 10,
        "steps_done": 10,
        "teacher_steps": None,
        "batch_size": 4,
        **RECIPE,
        "vocab_size": 96,
        "length": 32,
        "label_tokens_per_step": 128,
        "train_tokens_per_step": 132,
        "tokens_per_label": 33 / 32,
        "train_flops_per_token": 6.0 * 7264,
        "eval_flops_per_token": 2.0 * 7264,
        "flops": "declared",
        "flops_ratio": 1.02,
        "entropy_rate_nats": None,
        "rate_is_unbounded": False,
        "bytes_per_token": 1.0,
        "replays": 1,
        "heldout_tokens": 4096,
        "heldout_split": "windows",
        "heldout_exchangeable": True,
        "heldout_verbatim_share": 0.01,
        "record_tokens": 1024,
        "test_tokens": 1.0e6,
        "source_fingerprint": "0123456789abcdef",
        "notes": ["train.bin names no dtype: its tokens were read as uint16"],
        "data_order": "fedcba9876543210",
        "wall_seconds": 1.5,
        "devices": "2 x cpu",
        "config": "0001-01234567.yaml",
        "config_source": "text",
        "identity": '{"numerics": 4}',
        "layout": '{"microbatch": 4}',
        **_MADE_BY,
        **changes,
    }


def make_history(points: int = 4, blocks: int = 8, vocab_size: int = 96) -> dict[str, np.ndarray]:
    """A loss that falls from that of uniform predictions; losses of blocks average to it."""
    step = np.array([0, 1, 2, 5, 10, 20, 50, 100])[:points]
    loss = 1.0 + (np.log(vocab_size) - 1.0) * (1.0 + step) ** -0.5
    tilt = np.linspace(-0.01, 0.01, blocks) * (step > 0)[:, None]
    labels = step * 128
    return {
        "step": step,
        "train_tokens": step * 132,
        "label_tokens": labels,
        "teacher_tokens": np.zeros(points, dtype=np.int64),
        "spent_flops": step * 1.0e6,
        "online_loss_sum_nats": np.cumsum(loss) * 128.0,
        "online_loss_sum_var": labels * 0.5,
        "heldout_loss_nats": loss,
        "heldout_loss_stderr": np.full(points, 1e-3),
        "heldout_block_losses_nats": loss[:, None] + tilt,
        "heldout_raw_loss_nats": loss + 0.01,
        "heldout_raw_loss_stderr": np.full(points, 1e-3),
        "heldout_raw_block_losses_nats": loss[:, None] + 0.01 - tilt,
    }


def make_store(path: Path, config: str = "") -> Store:
    """Two sizes with two seeds on `text`, which can be learnt, and on `noise`, which cannot."""
    store = Store.open(path, create=True)
    store.write_config(config or "sources: {text: {}, noise: {}}\nfrontier: {test_tokens: 1.0e6}\n")
    tilt = np.linspace(-0.01, 0.01, 8) * (np.arange(8) > 0)[:, None]
    for source in ("text", "noise"):
        for params in (1000, 4000):
            for seed in (0, 1):
                history = make_history(points=8)
                for name in ("heldout", "heldout_raw"):
                    for column in (f"{name}_loss_nats", f"{name}_block_losses_nats"):
                        losses = history[column] * (1.0 + 1e-3 * seed * (history[column] < 4.5))
                        level = np.log(96) + (tilt if losses.ndim > 1 else 0.0)  # once trained
                        history[column] = losses if source == "text" else losses * 0 + level
                row = make_row(
                    f"{source}-{params}-{seed}",
                    source=source,
                    size=f"width {params // 100} depth 1",
                    params=params,
                    seed=seed,
                    train_flops_per_token=6.0 * params,
                    eval_flops_per_token=2.0 * params,
                    steps=100,
                    steps_done=100,
                )
                store.commit(row, history)
    return store


def make_law_store(path: Path, sizes: Sequence[int] = (1000, 4000, 16000)) -> Store:
    """Sizes of two seeds each whose losses follow E 1, (N0/N)^0.5 and (D0/D)^0.4 up to 0.1 %."""
    store = Store.open(path, create=True)
    store.write_config("sources: {text: {}}\nfrontier: {test_tokens: 1.0e6}\n")
    step = np.array([0, 10, 20, 50, 100, 150, 200, 300, 400, 600, 800, 1000])
    for params in sizes:
        for seed in (0, 1):
            tokens = np.maximum(step * 132, 1e-9)
            loss = 1.0 + (200.0 / params) ** 0.5 + (2000.0 / tokens) ** 0.4
            loss = np.minimum(loss * (1.0 + 1e-3 * (seed - 0.5)), np.log(96.0))
            history = make_history(points=8)
            tilt = np.linspace(-0.01, 0.01, 8) * (step > 0)[:, None]
            history |= {"step": step, "train_tokens": step * 132, "label_tokens": step * 128}
            history["teacher_tokens"] = np.zeros(step.size, dtype=np.int64)
            history["spent_flops"] = step * 1.0e6
            history["online_loss_sum_var"] = step * 64.0
            history["online_loss_sum_nats"] = np.cumsum(loss) * 128.0
            for name, excess in (("heldout", 0.0), ("heldout_raw", 0.01)):
                history[f"{name}_loss_nats"] = loss + excess
                history[f"{name}_loss_stderr"] = np.full(step.size, 1e-3)
                history[f"{name}_block_losses_nats"] = loss[:, None] + excess + tilt
            row = make_row(
                f"text-{params}-{seed}",
                size=f"width {params // 100} depth 1",
                params=params,
                seed=seed,
                train_flops_per_token=6.0 * params,
                eval_flops_per_token=2.0 * params,
                steps=1000,
                steps_done=1000,
            )
            store.commit(row, history)
    return store
