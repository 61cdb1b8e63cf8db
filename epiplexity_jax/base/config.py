"""Base of every config class: typed, frozen, checked, with errors of one sentence."""

import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from epiplexity_jax.base.errors import ConfigError

NESTED = "nested"
"""Type of pydantic's error whose message goes on where the path of its field ends."""
_SHOWN = 80  # characters of a wrong value


class _OneSentence(type(BaseModel)):
    """Turns pydantic's error of a constructor call into a ConfigError."""

    if not typing.TYPE_CHECKING:  # type checkers read the fields from the class itself

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().__call__(*args, **kwargs)
            except ValidationError as error:
                raise ConfigError(format_validation_error(error, cls)) from None


class Config(BaseModel, metaclass=_OneSentence):
    """Base of config classes: immutable, unknown keys refused, numbers coerced only where exact.

    Raises:
        ConfigError: on construction, when a key is unknown or a value is not allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_numbers(cls, data: Any) -> Any:
        """Refuse true and false where a number belongs; pydantic would read 1 and 0."""
        for name, value in data.items() if isinstance(data, dict) else ():
            items = value if isinstance(value, list | tuple) else [value]
            if name in cls.model_fields and any(isinstance(item, bool) for item in items):
                plain = set(_plain_types(cls.model_fields[name].annotation))
                if plain & {int, float} and bool not in plain:
                    raise ValueError(f"{name}: expected a number, got {value!r}")
        return data


C = typing.TypeVar("C", bound=Config)


def parse(cls: type[C], data: Any, path: str = "") -> C:
    """Make a config of plain data, such as a mapping at a path of a YAML file.

    Raises:
        ConfigError: when a key is unknown or missing or a value is not allowed; the message has the
            key's path, the fault and what is allowed.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path or 'config'}: expected keys and values, got {shorten(data)}")
    try:
        return cls.model_validate(dict(data))
    except ValidationError as error:
        raise ConfigError(format_validation_error(error, cls, path)) from None


def did_you_mean(what: str, name: object, known: Iterable[str]) -> str:
    """Write the message for a name that does not exist, with the nearest one that does.

    Args:
        what: noun of the thing named: "family", "key".
        name: the unknown name.
        known: the names that exist.

    >>> did_you_mean("family", "transfomer", ["ngram", "transformer"])
    "unknown family 'transfomer'; did you mean 'transformer'? Known: ngram, transformer"
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown {what} {name!r}; {hint}Known: {', '.join(names)}"


def shorten(value: object) -> str:
    """Return the repr of a value, cut to 80 characters, for a message."""
    shown = repr(value)
    return f"{shown[:_SHOWN]}…" if len(shown) > _SHOWN else shown


def format_validation_error(error: ValidationError, cls: type[BaseModel], path: str = "") -> str:
    """Write one of pydantic's errors in one line: the key's path, the fault, what is allowed.

    A key that does not exist comes first, as its misspelling explains why another is missing.
    """
    errors = error.errors(include_url=False)
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    loc = [str(part) for part in first["loc"]]
    where = ".".join([path, *loc] if path else loc)
    if first["type"] == "extra_forbidden":
        owner = _model_at(cls, loc[:-1])
        known = list(owner.model_fields) if owner else []
        prefix = f"{where.rpartition('.')[0]}: " if "." in where else ""
        return prefix + did_you_mean("key", loc[-1], known)
    if first["type"] == "missing":
        return f"{where}: this key is required"
    if first["type"] == NESTED:
        return where + first["msg"]
    message = _plainer(first["type"], first.get("ctx", {}))
    message = message or first["msg"].removeprefix("Value error, ")
    if not message[1:2].isupper():  # KT and ECA stay as they are
        message = message[:1].lower() + message[1:]
    if first["type"] != "value_error":
        return f"{where or 'config'}: {message}, got {shorten(first['input'])}"
    owner = _model_at(cls, loc)
    if owner and message.partition(":")[0] in owner.model_fields and ":" in message:
        return f"{where}.{message}" if where else message
    return f"{where}: {message}" if where else message


def _plainer(kind: str, limits: Mapping[str, Any]) -> str | None:
    """Reword an error that pydantic states in terms of Python's types; None for other errors."""
    if kind in ("tuple_type", "list_type"):
        return "expected a list"
    if kind == "model_type":
        return "expected keys and values"
    if kind in ("too_short", "string_too_short"):
        least, text = limits["min_length"], kind == "string_too_short"
        if least == 1:
            return "must not be empty" if text else "needs at least one entry"
        return f"needs at least {least} {'characters' if text else 'entries'}"
    return None


def _model_at(cls: type[BaseModel], loc: list[str]) -> type[BaseModel] | None:
    """Find the config class, if any, at a path of field names, keys and indices."""
    owner: type[BaseModel] | None = cls
    for part in loc:
        if owner is not None and part in owner.model_fields:
            kinds = _plain_types(owner.model_fields[part].annotation)
            owner = next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
    return owner


def _plain_types(annotation: Any) -> Iterator[type]:
    """Yield the classes in an annotation: int and NoneType for `tuple[int, ...] | None`."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _plain_types(argument)
