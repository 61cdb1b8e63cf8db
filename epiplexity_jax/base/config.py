"""The base of every config class: typed, frozen, checked, with errors of one sentence."""

import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from epiplexity_jax.base.errors import ConfigError


class _OneSentence(type(BaseModel)):
    """Turns pydantic's error of a constructor call into a ConfigError."""

    if not typing.TYPE_CHECKING:  # type checkers read the fields from the class itself

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().__call__(*args, **kwargs)
            except ValidationError as error:
                raise ConfigError(sentence(error, cls)) from None


class Config(BaseModel, metaclass=_OneSentence):
    """Base of config classes: immutable, unknown keys refused, numbers coerced only where exact.

    Raises:
        ConfigError: on construction, when a key is unknown or a value is not allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


C = typing.TypeVar("C", bound=Config)


def parse(cls: type[C], data: Any, path: str = "") -> C:
    """Check plain data (from YAML, say) against a config class.

    Args:
        cls: the config class.
        data: a mapping of plain values.
        path: where the mapping stands in the file, for the message.

    Raises:
        ConfigError: naming the key's path, what was wrong and what is allowed.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path or 'config'}: expected keys and values, got {data!r}")
    try:
        return cls.model_validate(dict(data))
    except ValidationError as error:
        raise ConfigError(sentence(error, cls, path)) from None


def unknown(what: str, name: object, known: typing.Iterable[str]) -> str:
    """The sentence for a name that does not exist, with the nearest one that does.

    >>> unknown("family", "transfomer", ["ngram", "transformer"])
    "unknown family 'transfomer'; did you mean 'transformer'? Known: ngram, transformer"
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown {what} {name!r}; {hint}Known: {', '.join(names)}"


def sentence(error: ValidationError, cls: type[BaseModel], path: str = "") -> str:
    """One line for the first of pydantic's errors: the key's path, the fault, what is allowed."""
    first = error.errors(include_url=False)[0]
    loc = [str(part) for part in first["loc"]]
    where = ".".join([p for p in [path] if p] + loc) or "config"
    if first["type"] == "extra_forbidden":
        owner = _model_at(cls, loc[:-1])
        known = list(owner.model_fields) if owner else []
        prefix = f"{where.rpartition('.')[0]}: " if "." in where else ""
        return prefix + unknown("key", loc[-1], known)
    if first["type"] == "missing":
        return f"{where}: this key is required"
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if first["type"] == "value_error":
        return f"{where}: {message}" if loc else f"{path}: {message}" if path else message
    return f"{where}: {message}, got {first['input']!r}"


def _model_at(cls: type[BaseModel], loc: list[str]) -> type[BaseModel] | None:
    """The config class that a path of field names leads to."""
    for part in loc:
        field = cls.model_fields.get(part)
        inner = [] if field is None else list(_models_in(field.annotation))
        if not inner:
            return None
        cls = inner[0]
    return cls


def _models_in(annotation: Any) -> typing.Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)
