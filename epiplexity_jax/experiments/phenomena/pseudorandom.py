"""End of learning: pseudorandom generators by difficulty (Finzi et al. 2026, Theorem 9)."""

from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.curves import part_of, shared_budgets
from epiplexity_jax.report.numbers import number

_BUDGETS = 12  # over which the boundary is followed
_SECURE = ("Threefry, 20 rounds", "ChaCha, 20 rounds")
_HARD = ("LFSR, degree 32",)
_LADDERS = ("ChaCha", "Threefry")
_EASY = ("LFSR, degree 8", "LCG, low 8 bits")


def read(measured: Measured) -> Findings:
    """Read S_T and H_T of every generator, and the budgets from which on something is learnt.

    H is per bit that a generator gives.

    Args:
        measured: the runs; a source's name is its generator's, with `_` for blanks.
    """
    found = Findings("generator")
    budgets = shared_budgets(measured, _BUDGETS)
    learnt = {
        budget: {_shown(n) for n in measured.sources if _is_learnt(measured, n, budget)}
        for budget in budgets
    }
    top = budgets[-1]
    first = next((budget for budget in budgets if learnt[budget]), top)
    shown = {"the least T at which something is learnt": first, "the largest T": top}
    for label, budget in shown.items():
        series = f"{label}, {number(budget)} FLOPs"
        for source in measured.sources:
            one, name = measured.at(source, budget), _shown(source)
            place = {"x": name, "series": series}
            whole = measured.frontier(source).uniform_bits
            entropy = part_of(one, "entropy").scaled(1.0 / whole)
            found.add(f"H {name}, {label}", entropy, "bits per bit", "Entropy", **place)
            structure = part_of(one, "epiplexity")
            found.add(f"S {name}, {label}", structure, "bits", "Epiplexity", **place)
    _checks(found, measured, learnt[first], learnt[top], (first, top))
    return found


def _is_learnt(measured: Measured, source: str, budget: float) -> bool:
    return measured.at(source, budget).status == ResultStatus.OK


def _shown(source: str) -> str:
    return source.replace("__", ", ").replace("_", " ")


def _checks(
    found: Findings,
    measured: Measured,
    early: set[str],
    late: set[str],
    budgets: tuple[float, float],
) -> None:
    """Add the checks on both ends of the list, and on the boundary between them.

    Args:
        found: receives them.
        measured: the runs.
        early: what is learnt at the first budget.
        late: what is learnt at the second.
        budgets: the least at which something is learnt, and the largest.
    """
    names = {_shown(source): source for source in measured.sources}
    first, top = budgets
    at = f"at {number(top)} FLOPs"
    for name in filter(names.__contains__, _SECURE):
        expected = f"{at} {name} teaches nothing: no S beyond its resolution"
        found.check("oracle", expected, _found(measured, names[name], top), name not in late)
    for name in filter(names.__contains__, _EASY):
        shown = _found(measured, names[name], top)
        found.check("sign", f"{at} {name} is learnt", shown, name in late)
    for name in filter(names.__contains__, _HARD):
        shown = _found(measured, names[name], top)
        found.check("sign", f"{at} {name} is not learnt", shown, name not in late)
    for cipher in _LADDERS:
        _ladder(found, [name for name in names if name.startswith(cipher)], late, f"{at} {cipher}")
    found.check(
        "sign",
        f"the boundary moves with T: more is learnt {at} than at {number(first)}",
        f"{_listed(early, 'nothing')}; then {_listed(late - early, 'no more')}",
        bool(early) and early < late,
    )


def _ladder(found: Findings, steps: list[str], learnt: set[str], cipher: str) -> None:
    """Add the check that what is learnt of a cipher has fewer rounds than what is not.

    Args:
        found: receives the check.
        steps: names of the cipher, each with its rounds.
        learnt: names of what is learnt.
        cipher: budget and name of the cipher, for a reader.
    """
    if len(steps) < 2:
        return
    rounds = sorted((int(name.split()[1]), name in learnt) for name in steps)
    are_learnt = [is_learnt for _, is_learnt in rounds]
    shown = ", ".join(str(count) for count, is_learnt in rounds if is_learnt) or "none"
    expected = f"{cipher} is learnt up to some number of rounds, and with no more"
    found.check(
        "sign", expected, f"learnt with rounds {shown}", are_learnt == sorted(are_learnt)[::-1]
    )


def _listed(names: set[str], empty: str) -> str:
    return ", ".join(sorted(names)) or empty


def _found(measured: Measured, source: str, budget: float) -> str:
    one = measured.at(source, budget)
    return f"S {part_of(one, 'epiplexity')} bits, {one.entropy_bits_per_token:.3g} bits per token"
