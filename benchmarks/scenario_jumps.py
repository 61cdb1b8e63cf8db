"""Scenarios of sudden learning: XOR clusters and modular addition.

Cost: 3 runs each; XOR of width 32 over 1.2e6 tokens, 3e11 FLOPs, addition of width 64 (50,000
parameters) over 5.8e5, 5e11. Together about 12 s, and as long again for compiling.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from scenario_lab import Lab, Row, Rows, Scenario, bits, chosen, unshown

import epiplexity_jax as epx
from epiplexity_jax.analysis.runs.curve import Curve
from epiplexity_jax.base.config import Config
from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import mean_over_seeds
from epiplexity_jax.report.numbers import number

MODULUS, SEEDS = 13, 3
TASKS: dict[str, tuple[str, Config, int, int]] = {
    # (title, source, width, steps)
    "xor": (
        "XOR clusters",
        epx.sources.Boolean(function="parity", bits=8, relevant=2),
        *(32, 2000),
    ),
    "addition": (
        f"addition modulo {MODULUS}",
        epx.sources.ModularAddition(modulus=MODULUS),
        *(64, 3000),
    ),
}
TEST_TOKENS = 1e6
_BEFORE, _AFTER, _LEARNT = 0.5, 0.05, 0.01  # shares of the loss of a guess
_ERRORS, _SLACK = 4.0, 0.1


class Jump(NamedTuple):
    """Growth of S while the loss falls from half of a guess's to a twentieth.

    Attributes:
        before, after: S at both ends, bits.
        least, most: limits of the growth that follow from the losses alone.
        labels: label tokens read at both ends.
        error: standard error of after - 2 before that seeds do not show.
    """

    before: float
    after: float
    least: float
    most: float
    labels: tuple[float, float]
    error: float

    @property
    def doubled(self) -> float:
        """S after less twice S before, bits: above 0 where S more than doubles.

        Before the jump S may be near 0, where their ratio has no bound.
        """
        return self.after - 2.0 * self.before


def train_jumps(lab: Lab) -> list[dict[str, Any]]:
    rows = []
    for name, (_, source, width, steps) in TASKS.items():
        family = epx.families.Transformer(widths=(width,), depths=(1,), seeds=SEEDS)
        runs = lab.train(f"jump-{name}", {name: source}, family, steps)
        (member,) = runs.frontier(TEST_TOKENS, name).all_members
        labels = member.train_tokens / member.tokens_per_label
        sampling = unshown(member.model_stderr, member.model_seeds)
        curves = sorted(runs.curves(name), key=lambda curve: curve.seed)
        rows += [
            {
                "source": name,
                "seed": seed,
                "labels": labels.tolist(),
                "loss": [bits(loss) for loss in member.losses[seed]],
                "model": member.model_seeds[seed].tolist(),
                "model_error": (member.model_stderr * math.sqrt(member.seeds)).tolist(),
                "model_sampling": sampling.tolist(),
                "online": _online_bits(curve),
                "loss_error": bits(curve.ema.stderr_nats[-1]),
            }
            for seed, curve in enumerate(curves)
        ]
    return rows


def _online_bits(curve: Curve) -> list[float]:
    """Online length at each record point."""
    assert curve.online is not None
    return [bits(paid) for paid in curve.online.sum_nats]


def jump_of(row: Row, guess: float) -> Jump | None:
    """Find the growth of S in a run, and its limits; None where the loss does not fall so far.

    With t labels read and losses that fall from a to b meanwhile, S = online - t loss grows by
    t_a (a - b) and by what the labels in between cost above b, which is at most a - b each.

    Args:
        row: the run.
        guess: bits of a guess.
    """
    loss = np.array(row["loss"])
    learnt = np.flatnonzero(loss <= _AFTER * guess)
    if not learnt.size:
        return None
    after = int(learnt[0])
    before = int(np.flatnonzero(loss[:after] >= _BEFORE * guess)[-1])
    fall = float(loss[before] - loss[after])
    read = (float(row["labels"][before]), float(row["labels"][after]))
    sampling = row["model_sampling"]
    return Jump(
        before=row["model"][before],
        after=row["model"][after],
        least=read[0] * fall,
        most=read[1] * fall,
        labels=read,
        error=math.hypot(sampling[after], 2.0 * sampling[before]),
    )


def read_jumps(rows: Rows) -> Findings:
    """Read the jump of every seed, and the signs of model lengths."""
    found = Findings("source")
    for name, (title, *_) in TASKS.items():
        these = chosen(rows, source=name)
        guess = 1.0 if name == "xor" else math.log2(MODULUS)
        jumps = [jump_of(row, guess) for row in these]
        _check_jumps(found, title, [jump for jump in jumps if jump], len(these))
        _check_signs(found, title, these, guess)
    return found


def _check_jumps(found: Findings, title: str, jumps: list[Jump], seeds: int) -> None:
    expected = (
        f"{title}, consistency of lengths and losses: while the loss falls from half of a guess's "
        "to a twentieth, S grows by more than what was read before times the fall, and less than "
        "what was read after times it, within 10 %"
    )
    doubled = f"{title}: S more than doubles meanwhile, S after less twice S before is above 0 bits"
    if len(jumps) < seeds:
        few = f"the loss fell so far in {len(jumps)} of {seeds} runs"
        found.check("guard", expected, few, None)
        found.check("sign", doubled, few, None)
        return
    growths = [jump.after - jump.before for jump in jumps]
    inside = all(
        (1 - _SLACK) * jump.least <= growth <= (1 + _SLACK) * jump.most
        for jump, growth in zip(jumps, growths, strict=True)
    )
    said = "; ".join(
        f"{number(growth)} in {number(jump.least)} to {number(jump.most)}"
        for jump, growth in zip(jumps, growths, strict=True)
    )
    found.check("guard", expected, f"bits, by seed: {said}", inside)
    sampling = float(np.mean([jump.error for jump in jumps]))
    apart = mean_over_seeds(np.array([jump.doubled for jump in jumps]), sampling)
    found.add(f"S after less twice S before, {title}", apart, "bits", "S", x=title)
    for end, word in enumerate(("before", "after")):
        read = mean_over_seeds(np.array([jump.labels[end] for jump in jumps]), 0.0)
        found.add(f"labels read {word}, {title}", read, "labels", "Labels", x=title)
    found.greater(doubled, apart, 0.0)


def _check_signs(found: Findings, title: str, rows: Rows, guess: float) -> None:
    """Add the checks that no model length is negative.

    The online length may be below labels times loss at first, where a step on noise raises the
    held-out loss; so it is compared at the end.

    Args:
        found: receives the checks.
        title: title of the task.
        rows: its runs.
        guess: bits of a guess.
    """
    model, error, loss = (
        np.array([row[key] for row in rows])[:, 1:] for key in ("model", "model_error", "loss")
    )  # [S, R - 1]: before the first step the length is exactly 0
    negative = int((model < -_ERRORS * error).sum())
    expected = f"{title}: no model length is below 0 by more than 4 standard errors"
    shown = f"{negative} of {model.size} record points"
    found.check("guard", expected, shown, negative == 0)
    learnt = loss <= _LEARNT * guess
    expected = f"{title}: where the loss is below 1 % of a guess's no model length is negative"
    negative = int((learnt & (model < 0)).sum())
    shown = f"{negative} of {int(learnt.sum())} record points"
    found.check("guard", expected, shown, negative == 0 if learnt.any() else None)
    above = [row["online"][-1] - row["labels"][-1] * row["loss"][-1] for row in rows]
    sampling = float(np.mean([row["labels"][-1] * row["loss_error"] for row in rows]))
    apart = mean_over_seeds(np.array(above), sampling)
    found.add(f"online length less labels times loss, {title}", apart, "bits", "S", x=title)
    expected = f"{title}: at the end the online length less labels times loss is above 0 bits"
    found.greater(expected, apart, 0.0)


SCENARIOS = {
    "jumps": Scenario(
        "XOR clusters and modular addition",
        "Labels are a function of inputs, so H goes to 0. S is the area of the learning curve "
        "above its present end: as the loss falls late, all that was paid before becomes "
        "structure, and S jumps by what was read times the fall.",
        train_jumps,
        read_jumps,
    ),
}
