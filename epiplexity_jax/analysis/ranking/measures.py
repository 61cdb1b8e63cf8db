"""Values by which datasets are ordered, and the conditions under which they compare."""

from collections.abc import Mapping
from dataclasses import dataclass

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.analysis.frontier.edges import Interval
from epiplexity_jax.analysis.frontier.frontier import Frontier
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.registry import Choices

_ALIKE = 1.01  # ratio of bytes per token up to which a token holds as much
_OPTIONS = {
    "estimator": "--estimator",
    "variant": "--variant",
    "floor": "--floor",
    "procedure": "--frontier",
}


@dataclass(frozen=True)
class Measure:
    """A value by which datasets are ordered.

    Attributes:
        name: as `--by` takes it.
        field: field of a decomposition that holds it, in bits.
        place: place among S, H and MDL.
        per_byte: True where it is divided by the bytes of the dataset.
    """

    name: str
    field: str
    place: int
    per_byte: bool = False

    @property
    def unit(self) -> str:
        """Unit of the value."""
        return "bits/byte" if self.per_byte else "bits"

    @property
    def is_structure(self) -> bool:
        """True where a source without structure has the value 0."""
        return self.place == 0

    def scale(self, frontier: Frontier) -> float:
        """Number that turns bits of a source into the unit."""
        if not self.per_byte:
            return 1.0
        width = frontier.setting.bytes_per_token
        return 1.0 / (frontier.test_tokens * width) if width else 0.0

    def of(self, found: Decomposition, scale: float) -> tuple[float, Interval | None]:
        """Value of a decomposition and its interval, in the unit."""
        value = scale * getattr(found, self.field)
        if (interval := getattr(found, f"{self.field}_interval")) is None:
            return value, None
        low, high = interval
        return value, (low and scale * low, high and scale * high)


MEASURES: Choices[Measure] = Choices("measure")
"""Measures by the name that `--by` and `Runs.rank` take; the first is the default."""
MEASURES.register("S", Measure("S", "epiplexity_bits", 0))
MEASURES.register("H", Measure("H", "entropy_bits", 1))
MEASURES.register("MDL", Measure("MDL", "mdl_bits", 2))
MEASURES.register("S-per-byte", Measure("S-per-byte", "epiplexity_bits", 0, per_byte=True))


def check_comparable(frontiers: Mapping[str, Frontier], measure: Measure) -> None:
    """Refuse datasets that were not measured alike.

    Raises:
        ConfigError: saying how to make them comparable.
    """
    if len(frontiers) < 2:
        named = ", ".join(frontiers) or "no source"
        raise ConfigError(
            f"rank: expected at least two sources of one observer, got {named}; name a store with "
            "more, or several stores of one family"
        )
    for name, option in _OPTIONS.items():
        values = {label: str(getattr(f, name)) for label, f in frontiers.items()}
        if len(set(values.values())) > 1:
            raise ConfigError(
                f"{name}: {_two(values)}, which do not compare; give one for all by {option}, or "
                "leave sources out by --source"
            )
    if not measure.per_byte:
        _check_tokens(frontiers, measure)
        return
    unknown = [label for label, f in frontiers.items() if not f.setting.bytes_per_token]
    if unknown:
        raise ConfigError(
            f"--by S-per-byte: the bytes of a token of {', '.join(unknown)} are not known; leave "
            "it out by --source, or use --by S"
        )


def _check_tokens(frontiers: Mapping[str, Frontier], measure: Measure) -> None:
    """Refuse datasets of different sizes, in tokens or in bytes."""
    tokens = {label: f"{f.test_tokens:g}" for label, f in frontiers.items()}
    if len(set(tokens.values())) > 1:
        raise ConfigError(
            f"test_tokens: {_two(tokens)}, and {measure.name} grows with them; give one number by "
            "--test-tokens"
        )
    known = {label: width for label, f in frontiers.items() if (width := f.setting.bytes_per_token)}
    if known and max(known.values()) > _ALIKE * min(known.values()):
        ends = (min(known, key=known.__getitem__), max(known, key=known.__getitem__))
        apart = ", ".join(f"{label} has {known[label]:.3g}" for label in ends)
        other = "use --by S-per-byte, or " if measure.is_structure else ""
        raise ConfigError(
            f"bytes per token: {apart}, so equal test tokens are not equal data; {other}leave one "
            "of them out by --source"
        )


def _two(values: Mapping[str, str]) -> str:
    """Name two labels whose values differ."""
    first = next(iter(values))
    other = next(label for label, value in values.items() if value != values[first])
    return f"{first} has {values[first]} and {other} {values[other]}"
