"""How benchmarks leave their results: with machine, versions, command and date."""

import datetime
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
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, "
        f"{os.cpu_count()} CPU cores",
        "versions": {"python": platform.python_version()}
        | {package: importlib.metadata.version(package) for package in _PACKAGES},
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(stamp | content, indent=1) + "\n")
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
