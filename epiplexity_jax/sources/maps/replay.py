"""A finite source that is read again and again."""

from typing import Literal

from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources.maps.inner import Nested, mapped_info, open_inner
from epiplexity_jax.sources.spec import DeviceSource, FiniteSource


class Replay(Config):
    """A finite source that training may read more than once.

    Every reading has an order of its own. What is memorised is paid for, rightly, but the learning
    curve of repeated data says nothing about new data: only the exact variant is right, the final
    model scoring the training stream again, and `paired` and `online` are refused with the reason.
    """

    kind: Literal["replay"] = "replay"
    source: Nested
    """The finite source."""
    times: int = Field(ge=1)
    """R, how often training may read each sequence."""


def open_replay(config: Replay) -> FiniteSource:
    """Let training read every sequence `times` times; held-out ones are never among them.

    Raises:
        ConfigError: when the source is drawn without end; wrap it in `subsample` first.
    """
    inner = open_inner(config.source)
    if isinstance(inner, DeviceSource):
        raise ConfigError(
            "source: is drawn without end, so nothing of it comes twice; wrap it in subsample, "
            "which makes it finite"
        )
    info = mapped_info(inner.info, "replay", config.times, replays=config.times)
    lookup = getattr(inner, "component_of", None)
    return FiniteSource(info, inner.sequences, inner.read, component_of=lookup)
