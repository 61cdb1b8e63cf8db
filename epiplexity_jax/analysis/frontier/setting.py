"""Choices that a frontier was made with, the same for all its results."""

from dataclasses import dataclass

from epiplexity_jax import coding
from epiplexity_jax.analysis.runs.facts import RunFacts
from epiplexity_jax.analysis.runs.recipes import RecipeReport


@dataclass(frozen=True)
class Setting:
    """Choices that a frontier was made with, the same for all its results."""

    source: str
    vocab_size: int
    estimator: str
    variant: str
    floor: str
    procedure: str
    test_tokens: float
    bytes_per_token: float | None
    recipe: RecipeReport | None = None
    facts: RunFacts = RunFacts()

    @property
    def uniform_bits(self) -> float:
        """Length of the uniform code, a candidate at every budget."""
        return float(coding.uniform_length(self.test_tokens, self.vocab_size))

    def per_byte(self, data_bits: float) -> float | None:
        """Bits per byte of original data; None where the source has no bytes."""
        width = self.bytes_per_token
        return width and float(coding.per_byte(data_bits, self.test_tokens, width))
