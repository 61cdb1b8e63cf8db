"""Components of a mixed source: which of them each sequence is from."""

from collections.abc import Callable
from typing import Any

from epiplexity_jax.sources.spec import DeviceSource, Source


def num_components(source: Source) -> int:
    """K, the sources that a source is mixed of; 1 where it is no mix, or cannot say."""
    return 1 if _lookup(source) is None else source.info.components


def component_lookup(source: Source) -> Callable[..., Any]:
    """Find the function that gives the component of each sequence, in 0 to K - 1.

    Of a drawn source it is (parameters, key, count) to [count] int32 and can be jitted: those of
    the sequences that its sampler draws. Of a finite source it is indices [n] to [n] integers.

    Raises:
        ValueError: when the source has one component.
    """
    found = _lookup(source)
    if found is None:
        raise ValueError("source: has one component; ask num_components first")
    return found


def _lookup(source: Source) -> Callable[..., Any] | None:
    if source.info.components == 1:
        return None
    return getattr(
        source.sampler if isinstance(source, DeviceSource) else source, "component_of", None
    )
