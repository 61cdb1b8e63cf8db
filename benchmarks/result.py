"""How benchmarks leave their results: with machine, versions, code, command and date."""

import json
import sys
from pathlib import Path
from typing import Any

from epiplexity_jax.experiments.stamp import code as code
from epiplexity_jax.experiments.stamp import stamp

RESULTS = Path(__file__).parent / "results"


def write(name: str, **content: Any) -> Path:
    """Write results/<name>.json."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    origin = stamp(" ".join(["python", *sys.argv]))
    path.write_text(json.dumps(origin | content, indent=1) + "\n")
    return path
