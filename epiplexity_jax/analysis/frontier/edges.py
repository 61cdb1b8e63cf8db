"""Flags of an optimum at the edge of what was trained, and the sides of intervals they open."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from epiplexity_jax.analysis.frontier.members import Member
from epiplexity_jax.analysis.frontier.setting import Setting
from epiplexity_jax.analysis.frontier.traced import Answer, Traced
from epiplexity_jax.analysis.runs.codes import VARIANTS
from epiplexity_jax.base.status import ResultStatus

Interval = tuple[float | None, float | None]


def open_sides(
    model: Interval | None, data: Interval | None, mdl: Interval | None, flags: Collection[str]
) -> tuple[Interval | None, Interval | None, Interval | None]:
    """Intervals of S, H and MDL whose sides are open where the optimum may lie beyond the grid.

    More sizes, steps or recipes can only shorten MDL; a larger or longer run holds more structure
    and leaves less entropy, a smaller one the opposite.

    Args:
        model: interval of S; None with a single seed, as the others.
        data: interval of H.
        mdl: interval of their sum.
        flags: flags of the result.
    """
    beyond = bool({"largest_size", "edge_steps"} & set(flags))
    before = "smallest_size" in flags
    recipe = bool({"edge_rate", "edge_batch"} & set(flags))
    if model is None or data is None or mdl is None:
        return model, data, mdl
    return (
        (None if before else model[0], None if beyond else model[1]),
        (None if beyond else data[0], None if before else data[1]),
        (None if beyond or before or recipe else mdl[0], mdl[1]),
    )


def flags_at(
    setting: Setting,
    traced: Traced,
    compute: float,
    answer: Answer | None,
    chosen: Mapping[str, Any],
) -> tuple[str, ...]:
    """Flags of an optimum at the edge of the grid, on a bridge, or out of range.

    Args:
        setting: the frontier's setting.
        traced: the frontier.
        compute: T, FLOPs.
        answer: the frontier's at that budget.
        chosen: fields of the decomposition, of a model or of the uniform code.
    """
    members, flags = traced.members, []
    if not members:
        return ()
    if answer is not None and chosen["status"] != ResultStatus.UNTRAINED:
        sizes = [member.params for member in members]
        ends = {"smallest_size": min(sizes), "largest_size": max(sizes)}
        edges = [name for name, size in ends.items() if chosen["params"] == size]
        edges = [] if traced.extrapolates else edges
        flags += ["edge_size", *edges] if edges else []
        if answer.ends_run and not VARIANTS.find(setting.variant, "variant").at_end:
            flags.append("edge_steps")
        flags += setting.recipe.flags if setting.recipe else ()
        flags += _own_edges(members, answer.member)
        if answer.bridged:
            flags.append("bridged")
        flags += answer.beyond
    if not traced.extrapolates and compute > max(member.time_flops[-1] for member in members):
        flags.append("carried")
    if compute < min(member.time_flops[0] for member in members):
        flags.append("below_cheapest")
    return tuple(flags)


def _own_edges(members: Sequence[Member], name: str) -> list[str]:
    """Flags of a best member that has the least or the most of the family's own rates or batches.

    Args:
        members: of the frontier.
        name: the best one's; a fitted law has members of its own.
    """
    best = next((member for member in members if member.name == name), None)
    if best is None:
        return []
    found = []
    for flag, value in (("edge_rate", "learning_rate"), ("edge_batch", "batch_size")):
        same = [member for member in members if member.params == best.params]
        values = {getattr(member, value) for member in same} - {None}
        if len(values) > 1 and getattr(best, value) in (min(values), max(values)):
            found.append(flag)
    return found
