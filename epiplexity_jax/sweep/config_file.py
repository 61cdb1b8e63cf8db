"""Config files: YAML whose numbers may be written 3e12, and `key=value` overrides."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from epiplexity_jax.base.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads 1.0e6 and 3e12 as numbers and refuses a key given twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be plain", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_yaml(text: str, where: str) -> Any:
    """Parse YAML.

    Raises:
        ConfigError: one line with place, line and column.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{where}:{place} {error.problem or 'is not YAML'}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: is not YAML: {' '.join(str(error).split())}") from None


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
    for override in overrides:
        data = _override(data, override)
    return data


def _override(data: Any, override: str) -> Any:
    path, equals, value = override.partition("=")
    keys = path.split(".")
    if not equals or not all(keys):
        raise ConfigError(f"override {override!r}: expected key=value, such as training.steps=500")
    data = dict(data) if isinstance(data, dict) else {}
    inner = data
    for key in keys[:-1]:
        below = inner.get(key)
        if below is not None and not isinstance(below, dict):
            raise ConfigError(f"override {override!r}: {key} holds {below!r}, not keys")
        inner[key] = dict(below or {})
        inner = inner[key]
    inner[keys[-1]] = read_yaml(value, f"override {override!r}")
    return data
