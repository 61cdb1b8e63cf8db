"""Members: runs that differ only in their seed, averaged at the record points of the shortest.

Axis letters: S seed, R record point, F point of a finer grid, Q factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator

from epiplexity_jax.analysis.runs import errors
from epiplexity_jax.analysis.runs.codes import VARIANTS
from epiplexity_jax.analysis.runs.curve import Curve
from epiplexity_jax.analysis.runs.floor import Correction
from epiplexity_jax.analysis.runs.lengths import Scored, score
from epiplexity_jax.analysis.runs.variants import NEVER, at_steps, choose_switch
from epiplexity_jax.analysis.shapes import AnyRows, Grid, OnGrid, Rows, Seeds, Steps

REFINEMENT = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class Member(Scored):
    """A model of a family, averaged over its seeds, at each record point of the shortest run.

    Attributes:
        name: size, and the learning rate and batch where the family holds several.
        last_steps: [S], where each seed's run ends.
        params: N.
        recipes: number of recipes that its own was chosen from.
        subsets: number of held-out subsets that its record points score, which err independently.
        learning_rate, batch_size: by which it trained, where they are known.
    """

    name: str
    params: int
    recipes: int = 1
    subsets: int = 1
    learning_rate: float | None = None
    batch_size: int | None = None
    last_steps: tuple[int, ...]

    @property
    def losses(self) -> Seeds:
        """[S, R] held-out loss, nats per label token."""
        return self.data_seeds / self.data_gain

    def switch_step(self, train_tokens: float) -> int | None:
        """Step from which averaged weights code a stream of so many tokens; None if they never do.

        Between record points it is that of the one before, and None where there is no switch.
        """
        if self.switch_steps is None:
            return None
        point = int(np.searchsorted(self.train_tokens, train_tokens * (1 + 1e-12), "right")) - 1
        step = int(self.switch_steps[max(point, 0)])
        return None if step == NEVER else step


def members_of(
    curves: Sequence[Curve],
    test_tokens: float,
    variant: str,
    floor: str,
    correction: Correction | None = None,
) -> list[Member]:
    """Group runs by everything but the seed, score them and average.

    Runs of one member and one seed count once, the longest of them.

    Args:
        curves: the runs.
        test_tokens: label tokens of the dataset.
        variant: as `score` takes it.
        floor: as `score` takes it.
        correction: correction of the source's held-out losses.
    """
    groups: dict[tuple, dict[int, Curve]] = {}
    for curve in curves:
        seeds = groups.setdefault(curve.member, {})
        if curve.seed not in seeds or seeds[curve.seed].steps[-1] < curve.steps[-1]:
            seeds[curve.seed] = curve
    names = _names([next(iter(seeds.values())) for seeds in groups.values()])
    members = []
    switches = VARIANTS.find(variant, "variant").switches
    for name, seeds in zip(names, groups.values(), strict=True):
        runs = [seeds[seed] for seed in sorted(seeds)]
        choice = choose_switch(runs, test_tokens, floor, correction) if switches else None
        scored = [
            score(run, test_tokens, variant, floor, correction=correction, choice=choice)
            for run in runs
        ]
        average = _average(name, runs[0].params, scored)
        own = {name: getattr(runs[0], name) for name in ("recipes", "learning_rate", "batch_size")}
        members.append(replace(average, subsets=max(run.ema.subsets for run in runs), **own))
    return sorted(members, key=lambda member: (member.params, member.name))


def _names(firsts: list[Curve]) -> list[str]:
    """Sizes as names, longer only as far as needed to tell members apart."""
    names = [curve.size for curve in firsts]
    for value, longer in (("learning_rate", with_rate), ("batch_size", _with_batch)):
        if len(set(names)) == len(names):
            return names
        if len({getattr(curve, value) for curve in firsts}) > 1:
            names = [longer(name, curve) for name, curve in zip(names, firsts, strict=True)]
    if len(set(names)) == len(names):
        return names
    return [f"{name} #{i + 1}" for i, name in enumerate(names)]


def with_rate(name: str, curve: Curve) -> str:
    """A name, and the learning rate of the run where it is known."""
    return f"{name} lr {curve.learning_rate:g}" if curve.learning_rate else name


def _with_batch(name: str, curve: Curve) -> str:
    return f"{name} batch {curve.batch_size}" if curve.batch_size else name


def _average(name: str, params: int, scored: list[Scored]) -> Member:
    shortest = min(scored, key=lambda one: one.steps[-1])
    first = max(one.steps[0] for one in scored)
    common = shortest.steps[shortest.steps >= first]
    if not shortest.refinable:  # then only what every seed has
        common = common[np.all([np.isin(common, one.steps) for one in scored], axis=0)]
    own = np.searchsorted(shortest.steps, common)

    def at_common(field: str) -> list[OnGrid]:
        return [at_steps(one.steps, getattr(one, field), common) for one in scored]

    def factors(field: str) -> dict[str, Rows]:
        return errors.mean(
            {name: at_steps(one.steps, rows, common) for name, rows in getattr(one, field).items()}
            for one in scored
        )

    switched = shortest.switch_steps
    return Member(
        name=name,
        params=params,
        last_steps=tuple(int(one.steps[-1]) for one in scored),
        steps=common,
        train_tokens=shortest.train_tokens[own],
        time_flops=shortest.time_flops[own],
        model_seeds=np.concatenate(at_common("model_seeds")),
        data_seeds=np.concatenate(at_common("data_seeds")),
        model_factors=factors("model_factors"),
        data_factors=factors("data_factors"),
        data_gain=shortest.data_gain,
        model_var=np.mean(at_common("model_var"), axis=0) / len(scored),
        own_var=np.mean(at_common("own_var"), axis=0) / len(scored),
        switch_steps=None if switched is None else switched[own],
        certified_bits=np.mean(at_common("certified_bits"), axis=0),
        interpolation_error_bits=np.mean(at_common("interpolation_error_bits"), axis=0),
        refinable=shortest.refinable,
        is_area=shortest.is_area,
        tokens_per_label=shortest.tokens_per_label,
    )


def fine_steps(steps: Steps) -> Grid:
    """Whole steps on a grid ten times finer in log(1 + step) that holds every record point.

    >>> fine_steps(np.array([0, 1, 2, 40]))[:6].tolist()
    [0, 1, 2, 3, 4, 6]
    """
    x = np.log1p(steps)
    parts = np.arange(REFINEMENT) / REFINEMENT
    grid = x[:-1, None] + parts * np.diff(x)[:, None]
    inner = np.rint(np.expm1(grid)).astype(np.int64).ravel()
    return np.union1d(inner, steps)


def resample(steps: Steps, values: AnyRows, at: Grid) -> OnGrid:
    """Interpolate by PCHIP in log(1 + step).

    Args:
        steps: [R] of the values.
        values: [..., R].
        at: [F] steps.

    Returns:
        [..., F].
    """
    if steps.size == 1:
        return np.broadcast_to(values, (*values.shape[:-1], at.size)).copy()
    return PchipInterpolator(np.log1p(steps), values, axis=-1)(np.log1p(at))
