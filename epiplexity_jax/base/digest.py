"""Short hashes that name data, configs and runs."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

_LENGTH = 16  # hexadecimal digits: 64 bits


def fingerprint(kind: str, *parts: Any) -> str:
    """Hash a kind of data and all that its sequences depend on; arrays count by their bytes."""
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        digest.update(b";")
    return digest.hexdigest()[:_LENGTH]


def json_digest(values: Mapping[str, Any]) -> str:
    """Hash plain values as JSON with sorted keys.

    >>> json_digest({"a": 1, "b": [2]}) == json_digest({"b": [2], "a": 1})
    True
    """
    content = json.dumps(values, sort_keys=True, allow_nan=False)
    return hashlib.sha256(content.encode()).hexdigest()[:_LENGTH]
