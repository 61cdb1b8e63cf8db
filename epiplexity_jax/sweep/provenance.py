"""Provenance of results: what is noted at every start of a sweep."""

import contextlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from epiplexity_jax._version import __version__
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.dataset import Dataset
from epiplexity_jax.sweep.identity import NUMERICS
from epiplexity_jax.sweep.plan import Plan

_PACKAGES = (
    *("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pyarrow"),
    *("array-record", "chess", "cryptography", "grain", "pillow", "ray"),  # extras
    "tensorflow-datasets",
)
_FLAGS = ("JAX_", "XLA_", "LIBTPU_", "TF_CUDNN_", "CUDA_VISIBLE_DEVICES", "NCCL_")


def provenance(plan: Plan, devices: str) -> dict[str, Any]:
    """Versions, flags, devices, revision and data of a sweep, as plain values."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": sys.argv[1:],
        "epiplexity_jax": __version__,
        "revision": revision(Path(__file__).parents[1]),
        "python": platform.python_version(),
        "packages": _versions(),
        "platform": platform.platform(),
        "devices": devices,
        "compute_dtype": plan.compute_dtype,
        "flags": {k: v for k, v in sorted(os.environ.items()) if k.startswith(_FLAGS)},
        "sources": {d.name: d.source.info.fingerprint for d in plan.datasets},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def revision(folder: Path) -> str | None:
    """Return the git commit of a checkout, with `+` where it was changed since; None elsewhere."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        # A package in somebody else's checkout, a virtual environment in it say, is not under it.
        tracked = _git(folder, "ls-files", "__init__.py")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", ".")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "") if tracked else None


def changed_sources(datasets: Sequence[Dataset], store: Store) -> list[str]:
    """List a message for each source whose data is new to a store that has its name.

    Known are the sources of finished runs, and of earlier starts.
    """
    before = {(row["source"], row["source_fingerprint"]) for row in store.finished().values()}
    for start in store.starts():
        if isinstance(noted := start.get("sources"), dict):
            before |= {(name, str(fingerprint)) for name, fingerprint in noted.items()}
    known, held = ({pair[i] for pair in before} for i in (0, 1))
    return [
        f"source {d.name!r} is not what runs in this store were trained on; it is trained anew"
        for d in datasets
        if d.name in known and d.source.info.fingerprint not in held
    ]


def outdated_runs(store: Store) -> list[str]:
    """List a message where runs of the latest config are of a version with other identities."""
    rows = [row for row in store.finished().values() if row["current"]]
    old = sum(json.loads(row["identity"] or "{}").get("numerics") != NUMERICS for row in rows)
    if not old:
        return []
    whose = f"{old} runs of this store are" if old > 1 else "a run of this store is"
    return [
        f"{whose} of an older version with other run ids; the config's runs are trained anew, and "
        "the old ones are kept"
    ]


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
