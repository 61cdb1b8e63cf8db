"""End of learning: pseudorandom generators by difficulty (Finzi et al. 2026, Theorem 9)."""

from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.curves import part_of
from epiplexity_jax.report.numbers import number

_EARLY = 30.0  # how many times smaller the low budget is
_SECURE = ("ChaCha, 20 rounds", "Threefry, 20 rounds")
_EASY = ("LFSR, degree 8", "LCG, low 8 bits")


def read(measured: Measured) -> Findings:
    """Read S_T and H_T of every generator at the largest budget and at one 30 times smaller.

    Args:
        measured: the runs; a source's name is its generator's, with `_` for blanks.
    """
    found = Findings("generator")
    top = measured.largest(*measured.sources)
    learnt: dict[float, set[str]] = {}
    for label, budget in ((f"T/{_EARLY:g}", top / _EARLY), ("T", top)):
        series = f"{label} = {number(budget)} FLOPs"
        learnt[budget] = set()
        for source in measured.sources:
            one, shown = measured.at(source, budget), _shown(source)
            place = {"x": shown, "series": series}
            entropy = part_of(one, "entropy").scaled(1.0 / one.test_tokens)
            title = "Entropy"
            unit = "bits per token"
            found.add(f"H {shown}, {label}", entropy, unit, title, **place)
            structure = part_of(one, "epiplexity")
            found.add(f"S {shown}, {label}", structure, "bits", "Epiplexity", **place)
            if one.status == ResultStatus.OK:
                learnt[budget].add(shown)
    _checks(found, measured, learnt, top)
    return found


def _shown(source: str) -> str:
    return source.replace("__", ", ").replace("_", " ")


def _checks(found: Findings, measured: Measured, learnt: dict[float, set[str]], top: float) -> None:
    names = {_shown(source): source for source in measured.sources}
    at = f"at {number(top)} FLOPs"
    for name in filter(names.__contains__, _SECURE):
        one = measured.at(names[name], top)
        expected = f"{at} {name} teaches nothing"
        status = str(one.status)
        found.check("oracle", expected, status, one.status == ResultStatus.UNTRAINED)
    for name in filter(names.__contains__, _EASY):
        shown = _found(measured, names[name], top)
        found.check("sign", f"{at} {name} is learnt", shown, name in learnt[top])
    more = sorted(learnt[top] - learnt[top / _EARLY])
    found.check(
        "sign",
        f"the boundary moves with T: some generator is learnt {at} and not at 1/{_EARLY:g} of it",
        ", ".join(more) or "none",
        bool(more),
    )


def _found(measured: Measured, source: str, budget: float) -> str:
    one = measured.at(source, budget)
    return f"S {part_of(one, 'epiplexity')} bits, {one.entropy_bits_per_token:.3g} bits per token"
