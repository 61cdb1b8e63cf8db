"""Sources that were opened in Python and are passed to `run` as they are."""

from typing import Any, Literal

from pydantic import PrivateAttr

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources.spec import DeviceSource, HostSource, Source


class OpenedSource(Config):
    """A source opened in Python, such as an array; a config file can only name it."""

    kind: Literal["given"] = "given"
    fingerprint: str
    """Hash of its data; it alone stands in the store's config."""
    _source: Source | None = PrivateAttr(None)


def opened(source: Any) -> OpenedSource:
    """Wrap an opened source, so that it can stand where a source's config does.

    Raises:
        ConfigError: when it is no source (see `spec.DeviceSource`, `spec.HostSource`).
    """
    if not isinstance(source, DeviceSource | HostSource):
        raise ConfigError(
            f"source: expected a config such as epx.sources.Text(...) or an opened source such as "
            f"epx.sources.from_array(...), got {type(source).__name__}"
        )
    config = OpenedSource(fingerprint=source.info.fingerprint)
    config._source = source
    return config


def open_opened(config: OpenedSource) -> Source:
    """Return the source itself.

    Raises:
        ConfigError: when the config was read from a file.
    """
    if config._source is None:
        raise ConfigError("was opened in Python; run it again from there")
    return config._source
