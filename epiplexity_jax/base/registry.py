"""Registries: kinds of configs with the functions that open them, and choices by name."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from epiplexity_jax.base.config import Config, did_you_mean, parse, shorten
from epiplexity_jax.base.errors import ConfigError

T = TypeVar("T")


class Registry(Generic[T]):
    """Config classes by kind of `what`, a "source" say, and the functions that open them."""

    def __init__(self, what: str):
        self.what = what
        self._entries: dict[str, tuple[type[Config], Callable[[Any], T], bool]] = {}

    def register(
        self, config: type[Config], opener: Callable[[Any], T], listed: bool = True
    ) -> None:
        """Add a kind: a config class whose field `kind` has its name as default, and its opener.

        Args:
            config: the class.
            opener: function from a config to what it describes.
            listed: False for a kind that only Python can make: `kinds` and messages leave it out.

        Raises:
            ConfigError: when the class names no kind or the kind is taken.
        """
        field = config.model_fields.get("kind")
        kind = field.default if field else None
        if not isinstance(kind, str):
            raise ConfigError(f"{config.__name__}: needs a field `kind` with its name as default")
        if self._entries.get(kind, (config,))[0] is not config:
            raise ConfigError(f"{self.what} kind {kind!r} is taken by another class")
        self._entries[kind] = (config, opener, listed)

    def parse(self, data: Any, path: str) -> Config:
        """Make a config of plain data, of the class that its `kind` names; see `config.parse`.

        Raises:
            ConfigError: when the kind is unknown, a key is unknown or missing, or a value is not
                allowed; the message has the key's path.
        """
        known = self._listed()
        if not isinstance(data, Mapping):
            raise ConfigError(f"{path}: expected keys and values with a kind, got {shorten(data)}")
        if "kind" not in data:
            raise ConfigError(f"{path}.kind: this key is required; known: {', '.join(known)}")
        kind = data["kind"]
        if not isinstance(kind, str) or kind not in self._entries:
            raise ConfigError(f"{path}.kind: {did_you_mean(self.what, kind, known)}")
        return parse(self._entries[kind][0], data, path)

    def open(self, config: Config) -> T:
        """Open what a config describes.

        Raises:
            ConfigError: when its class is not registered.
        """
        for cls, opener, _ in self._entries.values():
            if type(config) is cls:
                return opener(config)
        raise ConfigError(f"{type(config).__name__} is no registered {self.what}")

    def kinds(self) -> list[dict[str, Any]]:
        """List every kind with a summary and its parameters: name, type, default, description."""
        return [_described(kind, self._entries[kind][0]) for kind in self._listed()]

    def _listed(self) -> list[str]:
        return sorted(kind for kind, (*_, listed) in self._entries.items() if listed)


class Choices(Generic[T]):
    """Values that options choose by name, in the order in which they are listed."""

    def __init__(self, what: str):
        self.what = what
        self._values: dict[str, T] = {}

    def register(self, name: str, value: T) -> None:
        """Add a choice.

        Raises:
            ConfigError: when the name is taken by another value.
        """
        if self._values.setdefault(name, value) is not value:
            raise ConfigError(f"{self.what} {name!r} is taken by another")

    def find(self, name: str, key: str) -> T:
        """Find a value by its name.

        Args:
            name: one of the choices.
            key: the option or key that names it, for the message.

        Raises:
            ConfigError: when the name is unknown, with the nearest one.
        """
        if name not in self._values:
            raise ConfigError(f"{key}: {did_you_mean(self.what, name, self)}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Names in order."""
        return iter(self._values)

    def __contains__(self, name: object) -> bool:
        """Return whether a name is known."""
        return name in self._values

    def __len__(self) -> int:
        """Number of choices."""
        return len(self._values)


def _described(kind: str, cls: type[Config]) -> dict[str, Any]:
    schemas = cls.model_json_schema()["properties"]
    parameters = [
        {
            "name": name,
            "type": _type(schemas[name]),
            "default": None
            if field.is_required()
            else field.get_default(call_default_factory=True),
            "required": field.is_required(),
            "description": " ".join((field.description or "").split()),
        }
        for name, field in cls.model_fields.items()
        if name != "kind"
    ]
    summary = (cls.__doc__ or "").strip().splitlines()[0]
    return {"kind": kind, "summary": summary, "parameters": parameters}


def _type(schema: Mapping[str, Any]) -> str:
    """Name the type of a JSON schema: "integer", "integer or null"."""
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    return str(schema.get("type", "any"))
