"""Config files, and `key=value` overrides."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.yaml import read_yaml


def read_config(path: Path, overrides: Sequence[str] = ()) -> Any:
    """Read a config file and apply overrides such as `training.steps=500`.

    Raises:
        ConfigError: when the file is missing, unreadable or not YAML, or an override is malformed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such config file; `epiplexity-jax init` writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None
    data = read_yaml(text, str(path))
    for change in overrides:
        data = override(data, change)
    return data


def override(data: Any, change: str) -> Any:
    """Set a key, or one below it, of plain data by text such as `training.steps=500`.

    Raises:
        ConfigError: when it is malformed, or goes below a key that holds no keys.
    """
    path, equals, value = change.partition("=")
    keys = path.split(".")
    if not equals or not all(keys):
        raise ConfigError(f"override {change!r}: expected key=value, such as training.steps=500")
    data = dict(data) if isinstance(data, dict) else {}
    inner = data
    for key in keys[:-1]:
        below = inner.get(key)
        if below is not None and not isinstance(below, dict):
            raise ConfigError(f"override {change!r}: {key} holds {below!r}, not keys")
        inner[key] = dict(below or {})
        inner = inner[key]
    # A pattern of files such as *.txt would be an alias in YAML.
    is_text = value.startswith("*")
    inner[keys[-1]] = value if is_text else read_yaml(value, f"override {change!r}")
    return data
