"""How benchmarks leave their results: with machine, versions, code, command and date."""

import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("epiplexity-jax", "jax", "flax", "optax", "numpy", "scipy")


def write(name: str, **content: Any) -> Path:
    """Write results/<name>.json."""
    path = RESULTS / f"{name}.json"
    stamp = {
        "command": " ".join(["python", *sys.argv]),
        "code": code(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, "
        f"{os.cpu_count()} CPU cores",
        "versions": {"python": platform.python_version()}
        | {package: importlib.metadata.version(package) for package in _PACKAGES},
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(stamp | content, indent=1) + "\n")
    return path


def code() -> str:
    """What tells the package's code apart: the first digits of a hash of its modules."""
    found = hashlib.sha256()
    for path in sorted((RESULTS.parents[1] / "epiplexity_jax").rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
