"""Runs of an experiment whose lengths a test chooses, and decompositions of chosen lengths."""

import math
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from epiplexity_jax.analysis.frontier.decomposition import UNIFORM, Decomposition
from epiplexity_jax.analysis.ranking.differences import Difference
from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.findings import Estimate
from epiplexity_jax.experiments.measured import Measured

SEQUENCES = 1000.0
UNIFORM_BITS = 4.0  # bits per token of the uniform code


def around(value: float, half: float = 0.01) -> Estimate:
    """A value with an interval of one half-width to either side."""
    return Estimate(value, value - half, value + half)


def decomposed(
    source: str,
    compute: float,
    structure: Estimate,
    entropy: Estimate,
    tokens: float,
    status: ResultStatus = ResultStatus.OK,
) -> Decomposition:
    """A decomposition of chosen lengths."""
    mdl = structure.value + entropy.value
    lengths = {
        "epiplexity_bits": structure.value,
        "epiplexity_bits_interval": structure.interval,
        "entropy_bits": entropy.value,
        "entropy_bits_interval": entropy.interval,
        "mdl_bits_interval": (mdl - 1.0, mdl + 1.0),
        "entropy_bits_per_byte": None,
        "status": status,
    }
    fields = UNIFORM | {
        **{"source": source, "estimator": "prequential", "variant": "switch", "floor": "ema"},
        **{"procedure": "refined", "test_tokens": tokens, "compute_flops": compute},
        **{"candidates": 8, "resolution_bits": 1.0, "flags": (), "warnings": ()},
    }
    return Decomposition(**(fields | lengths))


class FakeMeasured(Measured):
    """What an experiment's runs say, as a test has it.

    Attributes:
        data: bits per sequence after the last step, by source.
        model: bits of the model, by source.
        counts: label tokens of a sequence, by source.
        answer: decomposition of a source at a budget; budgets reach from 1e9 to 1e12.
        rates: entropy rates in bits per sequence, by source.
    """

    def __init__(
        self,
        data: dict[str, Estimate] | None = None,
        model: dict[str, Estimate] | None = None,
        counts: dict[str, float] | None = None,
        answer: Callable[[str, float], Decomposition] | None = None,
        rates: dict[str, float] | None = None,
        config: dict | None = None,
    ):
        self.data, self.model = data or {}, model or {}
        self.counts, self.answer, self.rates = counts or {}, answer, rates or {}
        self.sources = list(self.data or self.counts)
        self.sequences = SEQUENCES
        self.config = config or {"sources": {name: {} for name in self.sources}}
        self.steps: dict[str, float] = {}
        self.later: dict[tuple[str, str], Estimate] = {}

    def labels(self, source):
        return self.counts[source]

    def frontier(self, source):
        points = SimpleNamespace(time_flops=np.array([0.0, 1e9, 1e12]))
        uniform = self.counts.get(source, 1.0) * SEQUENCES * UNIFORM_BITS
        return SimpleNamespace(points=points, uniform_bits=uniform)

    def largest(self, *sources):
        return 1e12

    def at(self, source, compute):
        assert self.answer is not None
        return self.answer(source, compute)

    def compared(self, source, other, compute, looks=1):
        one, two = (self.at(name, compute).epiplexity_bits for name in (source, other))
        value = one - two
        half = 200.0 * math.sqrt(looks)
        return Difference(
            first=source,
            second=other,
            compute_flops=compute,
            difference=value,
            difference_interval=(value - half, value + half),
            separated=abs(value) > half,
            why="" if abs(value) > half else "within_error",
        )

    def estimate(self, source, compute):
        return self.at(source, compute)

    def bits(self, source, part):
        per = self.model if part == "model" else self.data
        return per[source] if part == "model" else per[source].scaled(SEQUENCES)

    def per_sequence(self, source, part):
        if part == "mdl":
            return around(self.data[source].value + self.model[source].value / SEQUENCES)
        return self.bits(source, part).scaled(1.0 / SEQUENCES)

    def combined(self, weights, part):
        return around(sum(w * self.per_sequence(name, part).value for name, w in weights.items()))

    def half_way(self, source, other):
        return 1500, self.later.get((source, other), around(0.0))

    def steps_to(self, source, bits):
        return around(self.steps.get(source, math.nan), 1.0)

    def entropy_rate(self, source):
        return self.rates.get(source)


def outcomes(found) -> dict[str, bool | None]:
    """Whether each check holds, by its statement."""
    return {check.expected: check.holds for check in found.checks}


def outcome(found, words: str) -> bool | None:
    """Whether the one check holds whose statement has these words."""
    (holds,) = [check.holds for check in found.checks if words in check.expected]
    return holds
