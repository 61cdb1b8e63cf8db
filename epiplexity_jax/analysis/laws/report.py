"""A law's answers: S_T, H_T and the best model at budgets, in the limit, and how sure they are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epiplexity_jax.analysis.laws.examine import ExaminedFit, Pair, interval, parameters
from epiplexity_jax.analysis.runs.lengths import check_test_tokens
from epiplexity_jax.analysis.scaling_law import Optimum, ScalingLaw
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import ResultStatus

_BUDGETS = 6
_NEAR_THE_END = 0.9  # share of the test tokens that the last default budget reads
_HIGHEST = 40  # decades of FLOPs


@dataclass(frozen=True, kw_only=True)
class LawAnswer:
    """A law's best model at a budget; lengths in bits, intervals at 95 %.

    Attributes:
        compute_flops: T; infinite in the limit.
        epiplexity_bits: S_T; epiplexity_bits_interval: of redrawn runs, None without them.
        entropy_bits: H_T; entropy_bits_interval likewise; entropy_bits_per_token: H_T a token.
        params: N, infinite in the limit, 0 where the untrained model wins; train_tokens: D.
        minima: local minima of the two-part code, of which this is the least.
        status: ok or untrained.
        flags: "beyond_sizes", "beyond_tokens": the model lies outside of what the law was fitted
            to.
    """

    compute_flops: float
    epiplexity_bits: float
    epiplexity_bits_interval: tuple[float | None, float | None] | None
    entropy_bits: float
    entropy_bits_interval: tuple[float | None, float | None] | None
    entropy_bits_per_token: float
    mdl_bits: float
    params: float
    train_tokens: float
    minima: int
    status: ResultStatus
    flags: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values by field name."""
        lists = {name: list(v) for name, v in vars(self).items() if isinstance(v, tuple)}
        return dict(vars(self)) | lists | {"status": str(self.status)}


@dataclass(frozen=True, kw_only=True, eq=False)
class LawReport:
    """A law and its answers.

    Attributes:
        name: name of the law.
        law: its parameters.
        origin: where they come from.
        test_tokens: label tokens of the dataset; None: only the law is known.
        vocab_size: V of the uniform code, None where it is not known.
        answers: answers at budgets, rising; limit: without any limit on compute.
        first_compute_flops: the budget below which the untrained model wins; None where V is not
            known or no model wins.
        examined: the fit, None where the law was given.
        notes: sentences for a person.
    """

    name: str
    law: ScalingLaw
    origin: str
    test_tokens: float | None = None
    vocab_size: int | None = None
    answers: tuple[LawAnswer, ...] = ()
    limit: LawAnswer | None = None
    first_compute_flops: float | None = None
    examined: ExaminedFit | None = None
    notes: tuple[str, ...] = ()

    def at(self, compute: float) -> LawAnswer:
        """The answer at another budget.

        Raises:
            ConfigError: when no test tokens are known.
        """
        return _answer(self, self._test(), compute)

    def _test(self) -> float:
        if self.test_tokens is None:
            raise ConfigError("test_tokens: not known; give the label tokens that are measured")
        return self.test_tokens

    def to_json(self) -> dict[str, Any]:
        """Plain values by field name."""
        return {
            "name": self.name,
            "origin": self.origin,
            "law": parameters(self.law),
            "test_tokens": self.test_tokens,
            "vocab_size": self.vocab_size,
            "answers": [one.to_json() for one in self.answers],
            "limit": self.limit and self.limit.to_json(),
            "first_compute_flops": self.first_compute_flops,
            "fit": self.examined and self.examined.to_json(),
            "notes": list(self.notes),
        }


def report(
    name: str,
    law: ScalingLaw,
    *,
    origin: str = "given by its parameters",
    test_tokens: float | None = None,
    compute: Sequence[float] | None = None,
    vocab_size: int | None = None,
    examined: ExaminedFit | None = None,
) -> LawReport:
    """Answer for a law at budgets and in the limit.

    Args:
        name: name of the law.
        law: its parameters.
        origin: where they come from.
        test_tokens: label tokens of the dataset that is measured; None answers nothing.
        compute: budgets T, FLOPs; None spaces them over the compute of the fitted points, or from
            where a model beats the uniform code to where it reads nine tenths of the test tokens.
        vocab_size: V, whose uniform code the untrained model is.
        examined: the fit that the law comes from.

    Raises:
        ConfigError: when an argument is not allowed, or beta of a given law is 1 or more.
    """
    if vocab_size is not None and vocab_size < 2:
        raise ConfigError(f"vocab_size: must be at least 2, got {vocab_size}")
    known = {"name": name, "law": law, "origin": origin, "vocab_size": vocab_size}
    known["examined"] = examined
    if test_tokens is None:
        return LawReport(**known)
    test = check_test_tokens(test_tokens)
    if examined is not None and law.beta >= 1.0:
        said = f"beta is {law.beta:.3g}: the area under a law with 1 or more has no end, so no S_T"
        return LawReport(**known, test_tokens=test, notes=(said,))
    first = law.first_compute(test, vocab_size) if vocab_size else None
    bare = LawReport(**known, test_tokens=test, first_compute_flops=first)
    budgets = sorted(set(compute or _budgets(bare, test)))
    answers = tuple(_answer(bare, test, budget) for budget in budgets)
    limit = _answer(bare, test, math.inf)
    notes = tuple(_notes(bare, (*answers, limit), test))
    return LawReport(
        **known,
        test_tokens=test,
        answers=answers,
        limit=limit,
        first_compute_flops=first,
        notes=notes,
    )


def _optimum(law: ScalingLaw, compute: float, test: float) -> Optimum:
    return law.limit(test) if math.isinf(compute) else law.optimum(compute, test)


def _answer(of: LawReport, test: float, compute: float) -> LawAnswer:
    best, flags, status = _optimum(of.law, compute, test), (), ResultStatus.OK
    model, data = _intervals(of.examined, compute, test)
    params, tokens, minima = best.params, best.train_tokens, best.minima
    epiplexity, entropy = best.epiplexity_bits, best.entropy_bits
    uniform = test * math.log2(of.vocab_size) if of.vocab_size else math.inf
    if best.mdl_bits >= uniform:
        epiplexity, entropy, params, tokens = 0.0, uniform, 0.0, 0.0
        model, data, status = None, None, ResultStatus.UNTRAINED
    elif of.examined is not None:
        flags = _beyond(of.examined, params, tokens)
    return LawAnswer(
        compute_flops=compute,
        epiplexity_bits=epiplexity,
        epiplexity_bits_interval=model,
        entropy_bits=entropy,
        entropy_bits_interval=data,
        entropy_bits_per_token=entropy / test,
        mdl_bits=epiplexity + entropy,
        params=params,
        train_tokens=tokens,
        minima=minima,
        status=status,
        flags=flags,
    )


def _intervals(
    examined: ExaminedFit | None, compute: float, test: float
) -> tuple[tuple[float | None, float | None] | None, tuple[float | None, float | None] | None]:
    """Intervals of S and H over the laws of redrawn runs; open where some have no end."""
    if examined is None or not examined.laws:
        return None, None
    summable = [law for law in examined.laws if law.beta < 1.0]
    found = [_optimum(law, compute, test) for law in summable]
    endless = [math.inf] * (len(examined.laws) - len(summable))
    model = interval([one.epiplexity_bits for one in found] + endless)
    data = interval([one.entropy_bits for one in found]) if found else None
    return _open(model), data


def _open(pair: Pair) -> tuple[float | None, float | None]:
    low, high = (value if math.isfinite(value) else None for value in pair)
    return low, high


def _beyond(examined: ExaminedFit, params: float, tokens: float) -> tuple[str, ...]:
    points = examined.fit.points
    outside = {
        "beyond_sizes": not points.params.min() <= params <= points.params.max(),
        "beyond_tokens": not points.train_tokens.min() <= tokens <= points.train_tokens.max(),
    }
    return tuple(name for name, is_outside in outside.items() if is_outside)


def _budgets(of: LawReport, test: float) -> list[float]:
    """Default budgets, rounded to two digits or to powers of ten."""
    if of.examined is not None:
        points = of.examined.fit.points
        time = points.compute + 2.0 * points.params * test
        spaced = np.geomspace(time.min(), time.max(), _BUDGETS).tolist()
        return [float(f"{budget:.1e}") for budget in spaced]
    first = of.first_compute_flops or 1e12
    low = math.ceil(math.log10(first))
    high = low + 1
    while high < _HIGHEST and of.law.optimum(10.0**high, test).train_tokens < _NEAR_THE_END * test:
        high += 1
    step = max(1, math.ceil((high - low) / (_BUDGETS - 1)))
    return [float(f"1e{power}") for power in range(low, high + step, step)]


def _notes(of: LawReport, answers: Sequence[LawAnswer], test: float) -> list[str]:
    said = []
    if any(one.flags for one in answers):
        said.append("* extrapolated: sizes or tokens beyond those that the law was fitted to")
    several = [one for one in answers if one.minima > 1]
    if several:
        said.append(
            f"the two-part code has {several[0].minima} minima over D at T = "
            f"{several[0].compute_flops:.3g}; the least is shown"
        )
    if of.vocab_size and of.first_compute_flops is None:
        said.append("no model of the law beats the uniform code at any budget")
    return said
