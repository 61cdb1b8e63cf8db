"""Scenarios of tokens: patches of several cells, and byte-pair encoding of a Markov chain.

Cost: patches 24 runs of widths 16 and 32, of 6.1e6, 3.1e6, 1.5e6 and 7.7e5 tokens, 3.5e12 FLOPs,
and 12 short ones of noise; the chain 6 runs of width 32 (15,000 parameters) over 2.5e6 and 1.2e6
tokens, 1e12. Together about 90 s, and as long again for compiling.
"""

import math
from itertools import product
from typing import Any

import numpy as np
from scenario_lab import Lab, Rows, Scenario, bits, chosen, mean, within

import epiplexity_jax as epx
from epiplexity_jax.base.config import Config
from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.curves import shared_budgets
from epiplexity_jax.report.numbers import number
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats, stationary_distribution

PATCHES, CELLS, PATCH_SEEDS = (1, 2, 4, 8), 32, 3
PATCH_STEPS, NOISE_STEPS, SEQUENCES, BUDGETS = 1500, 200, 1e5, 12
_PAYS, _SHORTER = 0.99, 0.01

LETTERS = "abcd"
MATRIX = (
    (0.7, 0.1, 0.1, 0.1),
    (0.05, 0.05, 0.85, 0.05),
    (0.4, 0.4, 0.1, 0.1),
    (0.1, 0.1, 0.1, 0.7),
)
CHARACTERS, MERGES, CHAIN_STEPS = 4_000_000, 32, 600
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
        for compute in shared_budgets(measured, BUDGETS):
            for patch in PATCHES:
                rows += _at(measured, name, patch, compute)
    return rows


def _at(measured: Measured, name: str, patch: int, compute: float) -> list[dict[str, Any]]:
    """One row a seed: the code of the cells at a budget, of which all patch sizes have as many.

    `mdl` is the shortest within the budget of all sizes and record points of the seed, and of the
    uniform code, in bits per cell; `error` is its standard error that seeds do not show. Structure
    and entropy are those of the frontier, in bits and bits per cell.

    Args:
        measured: the runs.
        name: name of the cells.
        patch: cells of a token.
        compute: the budget, FLOPs.
    """
    at = measured.estimate(f"{patch}", compute)
    cells = SEQUENCES * CELLS
    codes, errors = np.full((PATCH_SEEDS, 1), cells), np.zeros(1)
    for member in measured.frontier(f"{patch}").all_members:
        within_budget = member.time_flops <= compute
        own = (member.model_seeds + member.data_seeds)[:, within_budget]
        scatter = own.var(axis=0, ddof=1) / len(own)
        shared = np.sqrt(np.maximum(member.mdl_stderr[within_budget] ** 2 - scatter, 0.0))
        codes, errors = np.concatenate([codes, own], axis=1), np.concatenate([errors, shared])
    best = codes.argmin(axis=1)
    return [
        {
            "source": name,
            "seed": seed,
            "patch": patch,
            "compute": compute,
            "mdl": float(codes[seed, best[seed]] / cells),
            "error": float(errors[best[seed]] / cells),
            "structure": at.epiplexity_bits,
            "entropy": at.entropy_bits / cells,
        }
        for seed in range(PATCH_SEEDS)
    ]


def read_patches(rows: Rows) -> Findings:
    """Compare patch sizes at every budget, with each other and with their union."""
    found = Findings("time bound T, FLOPs", log_x=True)
    cells = chosen(rows, source="rule")
    budgets = sorted({row["compute"] for row in cells})
    values: dict[tuple[int, float], Estimate] = {}
    for patch, compute in product(PATCHES, budgets):
        values[patch, compute] = found.add(
            f"MDL per cell, patches of {patch}, at {number(compute)}",
            mean(chosen(cells, patch=patch, compute=compute), "mdl", "error"),
            "bits per cell",
            "Two-part code",
            x=compute,
            series=f"patches of {patch}",
        )
    table = np.array([[values[patch, t].value for t in budgets] for patch in PATCHES])
    _check_patches(found, values, table, budgets)
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


def _check_patches(
    found: Findings,
    values: dict[tuple[int, float], Estimate],
    table: np.ndarray,
    budgets: list[float],
) -> None:
    """Add the checks on the code of the rule's cells, [patch size, budget] in bits per cell."""
    union = table.min(axis=0)
    first = "at the first budget at which any code is 1 % shorter than 1 bit per cell, a patch of "
    first += "several cells has a shorter code than single cells"
    paying = np.flatnonzero(union < _PAYS)
    if paying.size:
        budget, best = budgets[paying[0]], PATCHES[int(table[:, paying[0]].argmin())]
        one, other = values[1, budget], values[best, budget]
        shorter = None if best == 1 else one.above(other) or None
        said = f"patches of {best}: {other} against {one} at {number(budget)} FLOPs"
        found.check("sign", first, said, False if best == 1 else shorter)
    else:
        found.check("sign", first, "no code is shorter", None)
    last = budgets[-1]
    found.greater(
        "at the largest budget single cells have a shorter code than patches of 8",
        values[8, last],
        values[1, last],
    )
    longer = (table / union - 1.0).max(axis=1)
    said = ", ".join(f"{patch}: {more:.0%}" for patch, more in zip(PATCHES, longer, strict=True))
    found.check(
        "sign",
        "a family with patch size as an axis, whose code is the shortest of all, is at some budget "
        "over 1 % shorter than that of each single patch size",
        f"shorter by up to, by patch size: {said}",
        bool((longer > _SHORTER).all()),
    )


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
