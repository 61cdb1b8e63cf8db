"""Recipes that were tried on one size of a source: their codes, and the chosen one's neighbours."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from epiplexity_jax import coding
from epiplexity_jax.analysis.runs.from_store import curve_from
from epiplexity_jax.analysis.runs.lengths import score
from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.store import StoredRun

VALUES = ("learning_rate", "warmup_steps", "batch_size", "ema_growth", "max_kl")
_NEXT = 2.01  # factor between rates or batches that are neighbours
CLEAR = 4.0  # standard errors that no recipe of a few dozen beats the untrained model by on noise
ALIKE = 0.01  # of MDL: what the search promises, and no more
_EDGES = {"learning_rate": "edge_rate", "batch_size": "edge_batch"}


class Code(NamedTuple):
    """The shortest two-part code of a run over its record points, bits; infinite if it diverged."""

    model_bits: float
    mdl_bits: float


def least_code(
    run: StoredRun,
    test_tokens: float,
    variant: str | None = None,
    floor: str | None = None,
    clear: float = CLEAR,
) -> Code:
    """Score a run at every record point, the untrained model included, and take the best.

    The untrained model has its own loss: on the full held-out set it would be that of another run
    by how the final models differ between the set and its record subset, and recipes of which
    nothing is learnt would differ by luck.

    Args:
        run: a run of a store.
        test_tokens: label tokens of the dataset whose information is measured.
        variant: as for `score`.
        floor: as for `score`.
        clear: standard errors by which a record point must beat the untrained model to count.
    """
    if run.row["status"] == RunStatus.DIVERGED:
        return Code(math.nan, math.inf)
    curve = curve_from(run)
    scored = score(curve, test_tokens, variant, floor)
    better = scored.mdl_bits + clear * scored.mdl_stderr < scored.mdl_bits[0]
    if not better.any():
        return Code(0.0, float(coding.data_length(curve.ema.loss_nats[0], test_tokens)))
    best = int(np.argmin(np.where(better, scored.mdl_bits, np.inf)))
    return Code(float(scored.model_bits[best]), float(scored.mdl_bits[best]))


@dataclass(frozen=True)
class TriedRecipe:
    """A recipe and the code of its longest run.

    Attributes:
        values: the recipe's values by name, see `VALUES`.
        train_tokens: number of tokens that its longest run was to read.
        code: the code of that run; the mean where several seeds ran as long.
        chosen: True of the recipe by which the members train.
        by_seed: the code of each of those seeds.
    """

    values: Mapping[str, Any]
    train_tokens: float
    code: Code
    chosen: bool
    by_seed: Mapping[int, Code] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values; lengths are None where training diverged."""
        lengths = {"epiplexity_bits": self.code.model_bits, "mdl_bits": self.code.mdl_bits}
        by_seed = {str(seed): code.mdl_bits for seed, code in self.by_seed.items()}
        return {
            **self.values,
            "train_tokens": self.train_tokens,
            **_finite(lengths),
            "mdl_bits_by_seed": _finite(by_seed),
            "chosen": self.chosen,
        }


def _finite(lengths: Mapping[str, float]) -> dict[str, float | None]:
    return {name: bits if math.isfinite(bits) else None for name, bits in lengths.items()}


def tried_recipes(
    trials: Sequence[StoredRun],
    chosen: Mapping[str, Any],
    test_tokens: float,
    variant: str | None = None,
    floor: str | None = None,
) -> list[TriedRecipe]:
    """The recipes that were tried on one source, best codes first.

    The longest runs come first, and of these the recipes with most seeds: the mean of several does
    not compare with the luck of one.

    Args:
        trials: runs of tuning.
        chosen: values of the recipe that was chosen.
        test_tokens: label tokens of the dataset whose information is measured.
        variant: as for `score`.
        floor: as for `score`.
    """
    longest: dict[tuple[Any, ...], list[StoredRun]] = {}
    for run in sorted(trials, key=_planned_tokens):
        own = longest.setdefault(tuple(run.row[name] for name in VALUES), [])
        own[:] = [other for other in own if _planned_tokens(other) == _planned_tokens(run)] + [run]
    found = []
    for values, seeds in longest.items():
        codes = {run.row["seed"]: least_code(run, test_tokens, variant, floor) for run in seeds}
        found.append(
            TriedRecipe(
                values=dict(zip(VALUES, values, strict=True)),
                train_tokens=_planned_tokens(seeds[0]),
                code=_mean(codes.values()),
                chosen=all(chosen.get(name) == seeds[0].row[name] for name in VALUES),
                by_seed=codes,
            )
        )
    full = max((one.train_tokens for one in found), default=0.0)

    def rank(one: TriedRecipe) -> tuple[bool, int, float]:
        return _is_short(one, full), -len(one.by_seed), one.code.mdl_bits

    return sorted(found, key=rank)


def _mean(codes: Iterable[Code]) -> Code:
    return Code(*map(fmean, zip(*codes, strict=True)))


def _planned_tokens(run: StoredRun) -> float:
    return float(run.row["steps"] * run.row["train_tokens_per_step"])


def _is_short(one: TriedRecipe, full: float) -> bool:
    """True of runs over a share of the budget; batches leave a rest of less than a tenth."""
    return one.train_tokens < 0.9 * full


@dataclass(frozen=True)
class RecipeReport:
    """The recipe of a source's members, and what its neighbours in one value would give.

    Attributes:
        kind: "tuned" or "fixed".
        values: the recipe's values by name, see `VALUES`; None where the family has several.
        tried: number of recipes it was chosen from, log2 of which the model length holds.
        size: on which they were tried; None of a fixed recipe.
        spent_flops: FLOPs that trying took, evaluation included.
        neighbours: values that differ, with `epiplexity_change` and `mdl_change`, relative to the
            recipe's own on that size and the seeds that both have; None where training diverged, or
            the recipe's S is 0.
        flags: "edge_rate", "edge_batch" where the best lies at the end of what was tried.
    """

    kind: str
    values: Mapping[str, Any]
    tried: int = 1
    size: str | None = None
    spent_flops: float = 0.0
    neighbours: tuple[Mapping[str, Any], ...] = ()
    flags: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "kind": self.kind,
            **self.values,
            "tried": self.tried,
            "size": self.size,
            "spent_flops": self.spent_flops,
            "neighbours": [dict(one) for one in self.neighbours],
        }


def changes_if_alike(recipe: RecipeReport | None, code: Code) -> tuple[float, float, float]:
    """Largest changes of S, H and MDL to a neighbour whose MDL is the same within `ALIKE`, or less.

    Another search might choose any of these, and one for other test tokens would. Changes are
    relative, so those of the size that was tuned are taken for every size.

    Args:
        recipe: of the members; None where it is not known.
        code: of the members at a budget.

    Returns:
        Bits, 0 or more.
    """
    found = [(0.0, 0.0, 0.0)]
    for one in recipe.neighbours if recipe else ():
        structure, whole = one["epiplexity_change"], one["mdl_change"]
        if structure is not None and whole is not None and whole <= ALIKE:
            model, mdl = structure * code.model_bits, whole * code.mdl_bits
            found.append((abs(model), abs(mdl - model), abs(mdl)))
    model, data, mdl = map(max, zip(*found, strict=True))
    return model, data, mdl


def recipe_of_rows(rows: Sequence[Mapping[str, Any]], kind: str) -> RecipeReport:
    """The recipe as the rows of members have it; values that differ between them are None.

    Args:
        rows: rows of a source's members, from the store.
        kind: "tuned" or "fixed".
    """
    values = {name: {row[name] for row in rows} for name in VALUES}
    alike = {name: one.pop() if len(one) == 1 else None for name, one in values.items()}
    return RecipeReport(kind, alike, rows[0]["recipes"] or 1)


def choice_for(
    trial: StoredRun, asked: tuple[str, str], own: tuple[str | None, str | None]
) -> tuple[str | None, str | None]:
    """The variant and the floor by which trials are scored: those asked for, where they have them.

    Args:
        trial: one of them.
        asked: variant and floor of the members' frontier.
        own: those of the config.
    """
    curve = curve_from(trial)
    variant, floor = asked
    return (
        variant if variant in curve.variants else own[0],
        floor if floor in curve.floors() else own[1],
    )


def recipe_warnings(recipe: RecipeReport | None) -> list[str]:
    """Make sentences where a recipe is not known to be the best of those that were tried.

    Args:
        recipe: of the members; None where it is not known.
    """
    if recipe is None or recipe.kind != "tuned":
        return []
    if recipe.size is None:
        return [
            "the runs that chose the recipe are not in this store, so what its neighbours would "
            "give is not known and not in the intervals"
        ]
    changes = [one["mdl_change"] for one in recipe.neighbours if one["mdl_change"] is not None]
    if (least := min(changes, default=0.0)) >= -ALIKE:
        return []
    return [
        f"a neighbour of the recipe codes {-least:.1%} shorter on the size that was tuned: it was "
        "tuned for other test tokens, or for another variant or floor; tune it for these in a new "
        "store (frontier.test_tokens), or see --recipe-table"
    ]


def report_recipe(tried: Sequence[TriedRecipe], trials: Sequence[StoredRun]) -> RecipeReport | None:
    """Describe the chosen one of the recipes tried on a source; None where it is not among them."""
    center = next((one for one in tried if one.chosen), None)
    if center is None:
        return None
    full = max(one.train_tokens for one in tried)
    around = []
    for one in tried:
        other = {n: v for n, v in one.values.items() if v != center.values[n]}
        if _is_next(other, center) and not _is_short(one, full):
            changes = _changes(one, center)
            around.append(
                other | dict(zip(("epiplexity_change", "mdl_change"), changes, strict=True))
            )
    return RecipeReport(
        kind="tuned",
        values=center.values,
        tried=len(tried),
        size=trials[0].row["size"],
        spent_flops=sum(_spent(run, trials) for run in trials),
        neighbours=tuple(around),
        flags=tuple(flag for name, flag in _EDGES.items() if _at_edge(name, center, tried)),
    )


def _is_next(other: Mapping[str, Any], center: TriedRecipe) -> bool:
    """Return whether a recipe differs in one value, and not by more than a factor of two."""
    if len(other) != 1:
        return False
    ((name, value),) = other.items()
    own = center.values[name]
    return name not in _EDGES or max(value / own, own / value) <= _NEXT


def _changes(other: TriedRecipe, center: TriedRecipe) -> list[float | None]:
    """Changes of S and MDL from one recipe to another, over the seeds that both have, if any."""
    shared = sorted(set(other.by_seed) & set(center.by_seed))
    if not shared:
        return [None, None]
    own, their = (_mean([one.by_seed[seed] for seed in shared]) for one in (center, other))
    return [_change(*pair) for pair in zip(their, own, strict=True)]


def _change(other: float, own: float) -> float | None:
    return other / own - 1.0 if own and math.isfinite(other) and math.isfinite(own) else None


def _at_edge(name: str, center: TriedRecipe, tried: Sequence[TriedRecipe]) -> bool:
    values = sorted({one.values[name] for one in tried})
    return len(values) > 1 and center.values[name] in (values[0], values[-1])


def _spent(run: StoredRun, trials: Sequence[StoredRun]) -> float:
    """FLOPs of a run; a shorter one that a longer one continued counts as part of that."""
    row, spent = run.row, np.asarray(run.history.get("spent_flops", []))
    continued = any(
        other.row["lineage"] == row["lineage"] and other.row["steps"] > row["steps"]
        for other in trials
    )
    return 0.0 if continued or not spent.size else float(spent[-1])
