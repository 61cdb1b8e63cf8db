"""Short hashes that name data, configs and runs."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_LENGTH = 16  # hexadecimal digits: 64 bits


def bytes_digest(chunks: Iterable[str | bytes | memoryview], digits: int = _LENGTH) -> str:
    """Hash bytes, or text as UTF-8, that come in chunks: where they are cut does not matter.

    >>> bytes_digest(["ab", b"c"]) == bytes_digest(["abc"])
    True
    """
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk.encode("utf-8", "surrogatepass") if isinstance(chunk, str) else chunk)
    return digest.hexdigest()[:digits]


def fingerprint(kind: str, *parts: Any) -> str:
    """Hash a kind of data and all that its sequences depend on; arrays count by their bytes."""
    content = (part.tobytes() if isinstance(part, np.ndarray) else repr(part) for part in parts)
    return bytes_digest([kind, *(chunk for part in content for chunk in (part, ";"))])


def json_digest(values: Mapping[str, Any]) -> str:
    """Hash plain values as JSON with sorted keys.

    >>> json_digest({"a": 1, "b": [2]}) == json_digest({"b": [2], "a": 1})
    True
    """
    return bytes_digest([json.dumps(values, sort_keys=True, allow_nan=False)])
