"""Sizes that a plan may train: what each costs, and which of them budgets ask for.

With N parameters, D training tokens and a test set of X tokens, inputs included, a budget is
6 N D + 2 N X. A loss law's optimum has D between 0 and X (DESIGN: scaling laws), so the sizes of a
budget T lie between T/(8 X) and T/(2 X).
"""

from collections.abc import Sequence
from itertools import count, takewhile
from typing import Any, NamedTuple

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.estimators.config import Prequential
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.families.spec import Axis
from epiplexity_jax.sweep.config import Sweep
from epiplexity_jax.sweep.dataset import Dataset
from epiplexity_jax.sweep.plan import make_plan

LEAST_WIDTH, MOST_WIDTH, MOST_ORDER = 4, 8192, 6
_GROWN = {"widths": "width", "orders": "order"}  # axes that a plan may lengthen
_INSIDE, _LATER = 2.0, 3.0  # budgets, as multiples of the price of a size's test set
BEYOND, FAR = 1.2, 3.0  # times the largest budget, where runs end; the second if one must go on


class SizeCost(NamedTuple):
    """A size on one source, and what it costs.

    Attributes:
        name: the size in words.
        params: N.
        train_flops: FLOPs of a training token, decoding its code included.
        test_flops: FLOPs of the whole test set.
    """

    name: str
    params: int
    train_flops: float
    test_flops: float

    def tokens_within(self, budget: float) -> float:
        """Training tokens that a budget leaves once the test set is paid; 0 where it does not."""
        return max(budget - self.test_flops, 0.0) / self.train_flops


def with_values(family: Config, name: str, values: Sequence[int]) -> Config:
    """A family's config with other values on an axis.

    Args:
        family: the config.
        name: name of its field.
        values: the values.
    """
    return family.model_copy(update={name: tuple(values)})


def grown_axis(family: Config) -> str | None:
    """Name of the field whose values a plan may choose; None where the config lists them itself."""
    fields = Axis.fields(family)
    name = next((name for name in _GROWN if name in fields), None)
    return None if name is None or name in family.model_fields_set else name


def candidates(family: Config, name: str) -> list[int]:
    """All values of a grown axis, smallest first."""
    if name == "orders":
        return list(range(MOST_ORDER + 1))
    doubling = (LEAST_WIDTH * 2**power for power in count())
    return list(takewhile(lambda width: width <= MOST_WIDTH, doubling))


def plain_depth(family: Config) -> Config:
    """A family of one block where the config names no depths."""
    if "depths" in Axis.fields(family) and "depths" not in family.model_fields_set:
        return with_values(family, "depths", (1,))
    return family


def costs_of(
    sweep: Sweep, datasets: Sequence[Dataset], platform: str, test_tokens: float
) -> dict[str, list[SizeCost]]:
    """Cost of every size of a sweep's family on every source, smallest first.

    Args:
        sweep: the config.
        datasets: its sources.
        platform: platform of the devices.
        test_tokens: label tokens of the dataset whose information is measured.
    """
    one = sweep.model_copy(update={"grid": {}, "family": _one_seed(sweep.family)})
    averaged = isinstance(sweep.estimator, Prequential) and not is_counted(sweep)
    found: dict[str, dict[str, SizeCost]] = {dataset.name: {} for dataset in datasets}
    for run in make_plan(one, platform, datasets=datasets).runs:
        task, cost = run.dataset.task, run.cost
        decoded = cost.eval_flops_per_token if averaged else 0.0
        whole = test_tokens * task.total_tokens / task.label_tokens
        found[run.dataset.name][str(run.size)] = SizeCost(
            str(run.size),
            cost.params,
            cost.train_flops_per_token + decoded,
            cost.eval_flops_per_token * whole,
        )
    return {
        name: sorted(costs.values(), key=lambda one: one.params) for name, costs in found.items()
    }


def _one_seed(family: Config) -> Config:
    seeds = {"seeds": 1} if "seeds" in type(family).model_fields else {}
    return family.model_copy(update=seeds)


def is_counted(sweep: Sweep) -> bool:
    """Return whether a sweep's family counts, so that nothing of it is trained by gradients."""
    family: Any = open_family(sweep.family)
    return not hasattr(family, "model")


def sized_for(
    sweep: Sweep,
    datasets: Sequence[Dataset],
    platform: str,
    test_tokens: float,
    largest_budget: float,
) -> tuple[Sweep, dict[str, list[SizeCost]]]:
    """A sweep whose family holds every size that a budget could use, and one more; their costs.

    Args:
        sweep: the config.
        datasets: its sources.
        platform: platform of the devices.
        test_tokens: label tokens of the dataset whose information is measured.
        largest_budget: FLOPs.

    Raises:
        ConfigError: on a budget that is out of the sizes' reach.
    """
    family = plain_depth(sweep.family)
    name = grown_axis(family)
    if name is None:
        sweep = sweep.model_copy(update={"family": family})
        return sweep, costs_of(sweep, datasets, platform, test_tokens)
    values: list[int] = []
    costs: dict[str, list[SizeCost]] = {}
    for value in candidates(family, name):
        values.append(value)
        sweep = sweep.model_copy(update={"family": with_values(family, name, values)})
        costs = costs_of(sweep, datasets, platform, test_tokens)
        if all(own[-1].test_flops > largest_budget for own in costs.values()) and len(values) > 1:
            break
    if name == "widths":
        for dataset in datasets:
            total = test_tokens * dataset.task.total_tokens / dataset.task.label_tokens
            check_reach(costs[dataset.name], largest_budget, total)
    return sweep, costs


def check_reach(costs: Sequence[SizeCost], budget: float, test: float) -> None:
    """Refuse a budget that does not pay for the smallest size, or that no size could spend.

    Args:
        costs: all sizes that may be trained, smallest first.
        budget: the largest, FLOPs.
        test: tokens of the test set, inputs included.

    Raises:
        ConfigError: with the least or the most.
    """
    least, last = costs[0], costs[-1]
    most = last.test_flops + last.train_flops * test
    if budget < least.test_flops:
        raise ConfigError(
            f"budgets: {budget:g} FLOPs are too few to code {test:.3g} test tokens with the "
            f"smallest size, {least.name}; take more than {least.test_flops:.2g}, or fewer test "
            "tokens"
        )
    if budget > most:
        raise ConfigError(
            f"budgets: {budget:g} FLOPs are more than the largest size, {last.name}, could use for "
            f"{test:.3g} test tokens; take at most {most:.2g}, or more test tokens"
        )


def first_sizes(costs: Sequence[SizeCost], budgets: Sequence[float], test: float) -> list[SizeCost]:
    """Sizes whose optimum may lie at a budget, and one on either side that the budget can pay.

    Args:
        costs: all sizes, smallest first.
        budgets: FLOPs.
        test: tokens of the test set, inputs included.
    """
    wanted = [
        i
        for i, one in enumerate(costs)
        if any(0.03 * test <= one.tokens_within(budget) <= test for budget in budgets)
    ]
    if not wanted:  # budgets between two sizes, or below all of them
        under = [i for i, one in enumerate(costs) if one.tokens_within(max(budgets)) > 0]
        wanted = under[-1:] or [0]
    first, last = max(min(wanted) - 1, 0), max(wanted)
    if last + 1 < len(costs) and costs[last + 1].tokens_within(BEYOND * max(budgets)) > 0:
        last += 1
    return list(costs[first : last + 1])


def most_tokens(
    one: SizeCost, budgets: Sequence[float], test: float, beyond: float = BEYOND
) -> float:
    """Tokens after which a size has passed every budget, or has read more than the test set.

    Args:
        one: the size.
        budgets: FLOPs.
        test: tokens of the test set, inputs included.
        beyond: factor to the largest budget that a run goes to, to see where its optimum lies.
    """
    return min(one.tokens_within(beyond * max(budgets)), test * max(beyond / BEYOND, 1.0))


def inside(costs: Sequence[SizeCost]) -> list[float]:
    """Two or three budgets at which the optimum should be none of the outer two of some sizes.

    Each belongs to a size, so that plans of more sizes have those of fewer.

    Args:
        costs: three sizes or more, smallest first.
    """
    inner = [one.test_flops for one in costs[1:-1]]
    if len(inner) == 1:
        found = [_INSIDE * inner[0], _LATER * inner[0]]
    else:
        found = [_INSIDE * inner[i] for i in sorted({0, len(inner) // 2, len(inner) - 1})]
    return [float(f"{budget:.1e}") for budget in found]
