"""Losses of members to which a law is fitted, and the time of a model of any size.

Axis letters: P candidate of all members, Q point that the law is fitted to, F size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from epiplexity_jax.analysis.frontier.members import Member
from epiplexity_jax.analysis.laws.points import LossPoints
from epiplexity_jax.analysis.shapes import AnyIndices, Values

WARM_UP = 0.1  # share of a run's tokens before which its losses are no law's
LEAST_LOSS = 1e-9  # nats: a deterministic source may be solved


@dataclass(frozen=True)
class Cost:
    """Time of a model of N parameters, log-linear in N: exact where FLOPs a token go with N.

    Attributes:
        evaluation: slope and level of the log time of an untrained model, FLOPs.
        training: slope and level of the log FLOPs of each token of training.
    """

    evaluation: tuple[float, float]
    training: tuple[float, float]

    @classmethod
    def of(cls, members: Sequence[Member]) -> "Cost":
        """The cost of members of several sizes."""
        sizes = np.log([member.params for member in members])
        begun = np.array([member.time_flops[0] for member in members])
        whole = np.array([member.time_flops[-1] for member in members])
        tokens = np.array([member.train_tokens[-1] for member in members])
        lines = [np.polyfit(sizes, np.log(y), 1) for y in (begun, (whole - begun) / tokens)]
        evaluation, training = ((float(line[0]), float(line[1])) for line in lines)
        return cls(evaluation, training)

    def tokens(self, log_params: Values, compute: float) -> Values:
        """[F] tokens of training that a budget leaves, 0 or less where it leaves none."""
        left = compute - np.exp(self.evaluation[0] * log_params + self.evaluation[1])
        return left / np.exp(self.training[0] * log_params + self.training[1])


def choose_losses(members: Sequence[Member]) -> list[tuple[int, AnyIndices]]:
    """Choose the member of the least final loss of each size, and its points after warm-up."""
    best: dict[int, int] = {}
    for i, member in enumerate(members):
        held = best.setdefault(member.params, i)
        if member.data_bits[-1] < members[held].data_bits[-1]:
            best[member.params] = i
    chosen = []
    for i in sorted(best.values()):
        tokens = members[i].train_tokens
        first = int(np.searchsorted(tokens, WARM_UP * tokens[-1] * (1 + 1e-9), "right")) - 1
        chosen.append((i, np.arange(max(first, 1), tokens.size)))
    return chosen


def points_of(members: Sequence[Member], used: Sequence[tuple[int, AnyIndices]]) -> LossPoints:
    """The losses of record points, each with its standard error; a member is a run."""
    columns: list[list[Values]] = [[] for _ in range(4)]
    for i, rows in used:
        member = members[i]
        columns[0].append(np.full(rows.size, float(member.params)))
        columns[1].append(member.train_tokens[rows])
        for k, bits in ((2, member.data_bits), (3, member.data_stderr)):
            columns[k].append(bits[rows] / member.data_gain)
    params, tokens, losses, errors = (
        np.concatenate(column) if column else np.zeros(0) for column in columns
    )
    losses = np.maximum(losses, LEAST_LOSS)
    runs = [np.full(rows.size, i, dtype=np.int64) for i, rows in used]
    return LossPoints.of(params, tokens, losses, errors, np.concatenate(runs) if runs else None)


def places_of(
    members: Sequence[Member], used: Sequence[tuple[int, AnyIndices]], order: AnyIndices
) -> AnyIndices:
    """[Q] places of the fitted points among the candidates in order of time.

    Args:
        members: all members.
        used: the members and record points whose losses are fitted.
        order: [P] indexes the members' candidates, one member after the other, by time.
    """
    starts = np.concatenate([[0], np.cumsum([member.steps.size for member in members])])
    joined = [starts[i] + rows for i, rows in used]
    places = np.empty(order.size, dtype=np.int64)
    places[order] = np.arange(order.size)
    return places[np.concatenate(joined)] if joined else np.zeros(0, dtype=np.int64)
