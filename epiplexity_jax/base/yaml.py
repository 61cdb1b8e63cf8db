"""YAML whose numbers may be written 3e12, and which gives each key once."""

import json
import re
from typing import Any

import yaml

from epiplexity_jax.base.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads 1.0e6 and 3e12 as numbers and refuses a key given twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            plain = isinstance(key, str | int | float | bool | None)
            if not plain or key in seen:
                fault = f"key {key!r} is given twice" if plain else "a key must be plain"
                raise yaml.constructor.ConstructorError(None, None, fault, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_yaml(text: str, where: str) -> Any:
    """Parse YAML; messages begin with `where`, the name of its file for example.

    Raises:
        ConfigError: one line with place, line and column.
    """
    try:
        found = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
        json.dumps(found, default=str, skipkeys=True)  # refuses what contains itself
        return found
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{where}:{place} {error.problem or 'is not YAML'}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{where}: nests too deep; write it flatter") from None
    except ValueError:
        raise ConfigError(f"{where}: an alias is used inside of what it names") from None
