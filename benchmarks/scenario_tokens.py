"""Scenarios of tokens: patches of several cells, and byte-pair encoding of a Markov chain.

Cost: patches 24 runs of widths 16 and 32, of 6.1e6, 3.1e6, 1.5e6 and 7.7e5 tokens, 3.5e12 FLOPs,
and 12 short ones of noise; the chain 6 runs of width 32 (15,000 parameters) over 2.5e6 and 1.2e6
tokens, 1e12. Together about 90 s, and as long again for compiling.
"""

import math
from itertools import product
from typing import Any

import numpy as np
from scenario_lab import (
    Lab,
    Row,
    Rows,
    Scenario,
    bits,
    chosen,
    difference,
    mean,
    unshown,
    widened,
    within,
)

import epiplexity_jax as epx
from epiplexity_jax.base.config import Config
from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.curves import shared_budgets
from epiplexity_jax.report.numbers import number
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats, stationary_distribution

PATCHES, CELLS, PATCH_SEEDS = (1, 2, 4, 8), 32, 3
PATCH_STEPS, NOISE_STEPS, SEQUENCES, BUDGETS = 1500, 200, 1e5, 12
PLACES = ("first", "middle", "largest")  # budgets of the checks, fixed before any result
_SHORTER = 0.01

LETTERS = "abcd"
MATRIX = (
    (0.7, 0.1, 0.1, 0.1),
    (0.05, 0.05, 0.85, 0.05),
    (0.4, 0.4, 0.1, 0.1),
    (0.1, 0.1, 0.1, 0.7),
)
CHARACTERS, MERGES, CHAIN_STEPS = 6_000_000, 32, 600
LENGTHS = {"bytes": 64, "bpe": 32}


def patched(source: Config, patch: int) -> Config:
    if patch == 1:
        return source
    return epx.sources.Retokenise(into="chunk", group=patch, source=source)


def train_patches(lab: Lab) -> list[dict[str, Any]]:
    """One row a patch size and budget, in bits per cell, of cells of a rule and of noise."""
    rule = epx.sources.ElementaryCA(rule=54, cells=CELLS, steps=1, burn_in=2)
    noise = epx.sources.Noise(vocab_size=2, length=CELLS)
    rows = []
    for name, source, widths, steps in (
        ("rule", rule, (16, 32), PATCH_STEPS),
        ("noise", noise, (16,), NOISE_STEPS),
    ):
        family = epx.families.Transformer(widths=widths, depths=(1,), seeds=PATCH_SEEDS)
        sources = {f"{patch}": patched(source, patch) for patch in PATCHES}
        runs = lab.train(f"patches-{name}", sources, family, steps)
        config = {"sources": sources, "family": {"seeds": PATCH_SEEDS}}
        measured = Measured(runs, SEQUENCES, config)
        places = _places(measured)
        budgets = sorted({*shared_budgets(measured, BUDGETS), *places})
        for compute, patch in product(budgets, PATCHES):
            place = {"place": places.get(compute)}
            rows += [row | place for row in _at(measured, name, patch, compute)]
    return rows


def _places(measured: Measured) -> dict[float, str]:
    """Name the budgets of the checks; none where the smallest is not below the largest.

    The first is the smallest at which every patch size has a trained answer, the largest the
    largest that every patch size reaches, the middle one their geometric mean.
    """
    names = [f"{patch}" for patch in PATCHES]
    first = max(
        min(float(member.time_flops[1]) for member in measured.frontier(name).all_members)
        for name in names
    )  # of the first record point behind the untrained model
    largest = measured.largest(*names)
    if first >= largest:
        return {}
    return dict(zip((first, math.sqrt(first * largest), largest), PLACES, strict=True))


def _at(measured: Measured, name: str, patch: int, compute: float) -> list[dict[str, Any]]:
    """One row a seed: the code of the cells at a budget, of which all patch sizes have as many.

    `mdl` is the seed's code in bits per cell, of the size and record point within the budget whose
    mean over seeds is shortest, or the uniform code where that is shorter; `error` is its standard
    error that seeds do not show. Structure and entropy are those of the frontier, in bits and bits
    per cell.

    Args:
        measured: the runs.
        name: name of the cells.
        patch: cells of a token.
        compute: the budget, FLOPs.
    """
    at = measured.estimate(f"{patch}", compute)
    cells = SEQUENCES * CELLS
    codes, errors = np.full((PATCH_SEEDS, 1), cells), np.zeros(1)  # the uniform code
    for member in measured.frontier(f"{patch}").all_members:
        within_budget = member.time_flops <= compute
        own = (member.model_seeds + member.data_seeds)[:, within_budget]
        shared = unshown(member.mdl_stderr[within_budget], own)
        codes, errors = np.concatenate([codes, own], axis=1), np.concatenate([errors, shared])
    best = int(codes.mean(axis=0).argmin())
    return [
        {
            "source": name,
            "seed": seed,
            "patch": patch,
            "compute": compute,
            "mdl": float(codes[seed, best] / cells),
            "error": float(errors[best] / cells),
            "structure": at.epiplexity_bits,
            "entropy": at.entropy_bits / cells,
        }
        for seed in range(PATCH_SEEDS)
    ]


def read_patches(rows: Rows) -> Findings:
    """Compare patch sizes seed by seed, at three budgets that no result has chosen."""
    found = Findings("time bound T, FLOPs", log_x=True)
    cells = chosen(rows, source="rule")
    budgets = sorted({row["compute"] for row in cells})
    for patch, compute in product(PATCHES, budgets):
        found.add(
            f"MDL per cell, patches of {patch}, at {number(compute)}",
            mean(chosen(cells, patch=patch, compute=compute), "mdl", "error"),
            "bits per cell",
            "Two-part code",
            x=compute,
            series=f"patches of {patch}",
        )
    _check_patches(found, cells)
    noise = chosen(rows, source="noise")
    budgets = {row["compute"] for row in noise}
    structure = max(abs(row["structure"]) for row in noise)
    exact = all(np.isclose(row["entropy"], 1.0, rtol=1e-9) for row in noise)
    found.check(
        "oracle",
        "noise: S is 0 and H 1 bit per cell for every patch size, at every budget",
        f"largest S {number(structure)} bits at {len(budgets)} budgets",
        structure == 0 and exact,
    )
    return found


def _check_patches(found: Findings, cells: Rows) -> None:
    """Add the checks on the code of the rule's cells at the three budgets."""
    excess = f"the code of {{}} less {1 + _SHORTER:g} times that of {{}} is above 0 bits per cell"
    single, several = "single cells", f"patches of {PATCHES[-1]}"
    early = "at the first budget at which every patch size has a trained answer "
    early += excess.format(single, several)
    late = "at the largest budget " + excess.format(several, single)
    union = (
        f"every single patch size has, at one of three budgets, a code over {100 * _SHORTER:g} % "
        "longer than another size, as a family with patch size as an axis does not"
    )
    at = {place: chosen(cells, place=place) for place in PLACES}
    if not all(at.values()):
        for expected in (early, late, union):
            found.check("sign", expected, "no budget at which every size has trained", None)
        return
    least, most = PATCHES[0], PATCHES[-1]
    found.greater(early, _excess(at["first"], least, most), 0.0)
    found.greater(late, _excess(at["largest"], most, least), 0.0)
    outcomes, said = zip(*(_beaten(at, patch) for patch in PATCHES), strict=True)
    holds = False if False in outcomes else None if None in outcomes else True
    found.check("sign", union, "longer by, in bits per cell, " + "; ".join(said), holds)


def _excess(rows: Rows, patch: int, other: int) -> Estimate:
    """Bits per cell by which a patch size's code exceeds 1.01 times another's, paired by seed.

    Args:
        rows: rows of one budget.
        patch: the patch size.
        other: the other one.
    """
    more, less = (chosen(rows, patch=each) for each in (patch, other))
    return difference(more, less, "mdl", "error", 1 + _SHORTER)


def _beaten(at: dict[str, list[Row]], patch: int) -> tuple[bool | None, str]:
    """Find whether another patch size has the shorter code at a budget, by over 1 %.

    True where one interval, widened for the number of comparisons, is above 0; False where all are
    below; None otherwise. The text has the comparison whose interval reaches highest from below.

    Args:
        at: rows by budget.
        patch: the patch size.
    """
    others = [other for other in PATCHES if other != patch]
    count = len(at) * len(others)
    apart = {
        f"{other} at the {place} budget": widened(_excess(rows, patch, other), PATCH_SEEDS, count)
        for (place, rows), other in product(at.items(), others)
    }
    beaten = any(one.above(0.0) for one in apart.values())
    never = all(one.inside(-math.inf, 0.0) for one in apart.values())
    name, clearest = max(apart.items(), key=lambda item: _least(item[1]))
    text = f"patches of {patch}: {clearest} against {name}"
    return True if beaten else False if never else None, text


def _least(value: Estimate) -> float:
    return value.value if value.low is None else value.low


def chain_text(characters: int) -> str:
    """Characters of the Markov chain from its stationary distribution."""
    uniform = np.random.default_rng(0).random(characters)
    matrix = np.array(MATRIX)
    start = stationary_distribution(matrix)
    steps, ends = matrix.cumsum(axis=1).tolist(), start.cumsum()
    state = int((uniform[0] >= ends[:-1]).sum())
    states = [state]
    for u in uniform[1:].tolist():
        row = steps[state]
        state = 0 if u < row[0] else 1 if u < row[1] else 2 if u < row[2] else 3
        states.append(state)
    return "".join(LETTERS[state] for state in states)


def chain_entropy(characters: float) -> float:
    """Bits per character of a window of so many, whose first one is stationary.

    Args:
        characters: characters of a window, their mean where they vary.
    """
    matrix = np.array(MATRIX)
    start = stationary_distribution(matrix)
    rate = float(start @ [float(entropy_nats(row)) for row in matrix])
    first = float(entropy_nats(start))
    return bits((first + (characters - 1) * rate) / characters)


def train_encoded(lab: Lab) -> list[dict[str, Any]]:
    """One row a run: bits per byte of the characters, and of pairs merged."""
    path = lab.folder / "chain.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(chain_text(CHARACTERS), encoding="ascii")
    text = epx.sources.Text(path=str(path), alphabet=LETTERS, length=LENGTHS["bytes"])
    merged = epx.sources.Retokenise(
        into="bpe", vocab_size=len(LETTERS) + MERGES, length=LENGTHS["bpe"], source=text
    )
    family = epx.families.Transformer(widths=(32,), depths=(1,), seeds=3)
    runs = lab.train(
        "encoded", {"bytes": text, "bpe": merged}, family, CHAIN_STEPS, heldout=200_000
    )
    rows = []
    for curve in runs.curves():
        width = curve.bytes_per_token
        assert width is not None
        rows.append(
            {
                "source": curve.source,
                "seed": curve.seed,
                "bytes_per_token": width,
                "per_byte": bits(curve.ema.loss_nats[-1]) / width,
                "error": bits(curve.ema.stderr_nats[-1]) / width,
            }
        )
    return rows


def read_encoded(rows: Rows) -> Findings:
    """Compare bits per byte with the chain's entropy, and with each other."""
    found = Findings("tokens")
    said = {"bytes": "characters", "bpe": f"{MERGES} merges"}
    per_byte, known = {}, {}
    for name, title in said.items():
        these = chosen(rows, source=name)
        known[name] = chain_entropy(LENGTHS[name] * these[0]["bytes_per_token"])
        value = per_byte[name] = mean(these, "per_byte", "error")
        place = {"x": title, "oracle": known[name]}
        found.add(f"H, {title}", value, "bits per byte", "H", **place)
        expected = f"{title}: H is {known[name]:.4f} bits per byte, within 3 %"
        found.near(expected, value, known[name], 0.03)
    apart = _less(per_byte["bpe"], per_byte["bytes"])
    due = known["bpe"] - known["bytes"]
    expected = (
        f"both differ by no more than their windows' first characters do, {due:+.4f} bits, "
        "within 0.03"
    )
    within(found, expected, apart, due, 0.03)
    return found


def _less(one: Estimate, other: Estimate) -> Estimate:
    """Difference of values whose held-out data and seeds have nothing in common."""
    value = one.value - other.value
    if one.interval is None or other.interval is None:
        return Estimate(value)
    half = math.hypot(*((high - low) / 2 for low, high in (one.interval, other.interval)))
    return Estimate(value, value - half, value + half)


SCENARIOS = {
    "patches": Scenario(
        "Patch size as an axis of T",
        "The same cells in tokens of 1, 2, 4 and 8. A token of p cells costs T once, so larger "
        "patches read more cells within T and have larger tables to learn. The uniform code is "
        "1 bit per cell for all, and noise has none shorter.",
        train_patches,
        read_patches,
    ),
    "encoded": Scenario(
        "Bytes and byte pairs of a Markov chain",
        "Merging pairs loses nothing, so bits per byte are the chain's entropy rate either way; a "
        "window's first character is not predicted and costs the stationary entropy.",
        train_encoded,
        read_encoded,
    ),
}
