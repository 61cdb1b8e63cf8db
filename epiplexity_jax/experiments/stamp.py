"""Origin of a result: machine, versions, code, command and date."""

import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

from epiplexity_jax.base.errors import DataError

PACKAGES = ("epiplexity-jax", "jax", "flax", "optax", "numpy", "scipy")
KEYS = ("command", "code", "date", "machine", "versions", "training_seconds")
_PACKAGE = Path(__file__).parents[1]


def stamp(command: str) -> dict[str, Any]:
    """Describe where and by which code a result is made.

    Args:
        command: command line that makes it.
    """
    return {
        "command": command,
        "code": code(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, "
        f"{os.cpu_count()} CPU cores",
        "versions": {"python": platform.python_version()}
        | {package: importlib.metadata.version(package) for package in PACKAGES},
    }


def code() -> str:
    """First digits of a hash of the package's modules, which differs between versions."""
    found = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def as_json(content: dict[str, Any]) -> str:
    """Write a result as a JSON document."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def from_json(text: bytes, path: Path) -> dict[str, Any]:
    """Read a JSON document with keys.

    Raises:
        DataError: when the file is something else.
    """
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        nests = "nests too deep" if isinstance(error, RecursionError) else "is not JSON"
        raise DataError(f"{path}: {nests}; give the file that `experiments run` wrote") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected an object of JSON, got {type(found).__name__}")
    return found


def _refuse_constant(name: str) -> float:
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError(name)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
