"""A short calibration: seconds that a few steps take here, and the sizes and tokens that fit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from epiplexity_jax.base.config import Config
from epiplexity_jax.families.spec import Axis
from epiplexity_jax.planning.sizes import BEYOND, SizeCost
from epiplexity_jax.sweep.config import Sweep
from epiplexity_jax.sweep.dataset import Dataset
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.plan import make_plan

TIMED = (8, 32)  # widths
_STEPS = 1000  # of the runs whose time is predicted
LEAST_SIZES, MOST_SIZES = 3, 8
TOKENS_PER_PARAMETER = 20.0  # of the test set, for the largest model
_LEAST_TEST, _MOST_TEST = 100_000, 10**10
TUNING_RUNS = 14.0  # runs over the whole budget that finding a rate costs, three seeds of each


@dataclass(frozen=True)
class Speed:
    """Seconds of training here: a constant for each token, and a part that grows with N.

    Attributes:
        per_token: seconds per training token of a model without parameters.
        per_flop: further seconds per parameter and token, divided by 6.
        compiling: seconds before a size trains.
    """

    per_token: float
    per_flop: float
    compiling: float

    def seconds(self, params: int, tokens: float) -> float:
        """Seconds that a run of one seed takes.

        Args:
            params: N.
            tokens: its training tokens.
        """
        return tokens * (self.per_token + 6.0 * params * self.per_flop)


def calibrate(
    sweep: Sweep, datasets: Sequence[Dataset], hardware: Hardware, devices: Sequence[Any]
) -> Speed:
    """Time a few steps of two sizes on the first source, with a member on each device.

    Args:
        sweep: the config; its family has widths.
        datasets: its sources.
        hardware: the devices in numbers.
        devices: the devices.
    """
    first = datasets[:1]
    steps, batch = _STEPS, sweep.training.batch_size or 1
    if first[0].split is not None:
        steps = max(min(steps, first[0].split.max_steps(batch)), 1)
    sized = sweep.model_copy(
        update={
            "family": _timed(sweep.family, hardware.count),
            "training": sweep.training.model_copy(update={"steps": steps}),
            "sources": {first[0].name: sweep.sources[first[0].name]},
            "recipe": "fixed",
            "recipes": {},
            "grid": {},
        }
    )
    plan = make_plan(sized, hardware.platform, datasets=first)
    timed: dict[int, tuple[float, float]] = {}
    for wave in plan.trainer.waves(plan.runs, {}, hardware):
        run = plan.trainer.runs[wave.run_ids[0]]
        if run.cost.params not in timed:
            timing = plan.trainer.time(wave, devices)
            tokens = run.steps * run.tokens_per_step * len(wave.run_ids)
            seconds = timing.wave_seconds(run.steps) / tokens
            timed[run.cost.params] = seconds, timing.compile_seconds
    (small, (low, _)), (large, (high, _)) = sorted(timed.items())[:1] + sorted(timed.items())[-1:]
    slope = max(high - low, 0.0) / max(large - small, 1)
    return Speed(
        per_token=max(low - slope * small, 0.0),
        per_flop=slope / 6.0,
        compiling=max(seconds for _, seconds in timed.values()),
    )


def _timed(family: Config, seeds: int) -> Config:
    values: dict[str, Any] = {"widths": TIMED, "seeds": seeds}
    known = {name for name in values if name in type(family).model_fields}
    if "depths" in Axis.fields(family):
        values, known = values | {"depths": (1,)}, known | {"depths"}
    return family.model_copy(update={name: values[name] for name in known})


@dataclass(frozen=True)
class Work:
    """The runs that a time has to suffice for.

    Attributes:
        seconds: the time.
        copies: runs of each size: seeds times sources, a control counted in part.
        tuned: number of sources whose recipe is found.
        tokens: training tokens that the smallest source has; infinite where all are drawn.
        budget: the largest budget that was asked for; infinite where budgets are chosen.
    """

    seconds: float
    copies: float
    tuned: int
    tokens: float
    budget: float = math.inf


def seconds_of(work: Work, speed: Speed, sizes: Sequence[SizeCost], test: float) -> float:
    """Seconds of a plan: tuning on the smallest size, and every size at a typical length.

    Args:
        work: the runs.
        speed: seconds of training.
        sizes: the sizes.
        test: label tokens of the dataset whose information is measured.
    """
    typical = min(0.6 * test, work.tokens)
    most = BEYOND * work.budget
    members = sum(speed.seconds(o.params, min(typical, o.tokens_within(most))) for o in sizes)
    tuning = TUNING_RUNS * work.tuned * speed.seconds(sizes[0].params, tuning_tokens(work, test))
    return work.copies * members + tuning + len(sizes) * speed.compiling


def tuning_tokens(work: Work, test: float) -> float:
    """Training tokens of the longest trials: a quarter of the test set, or what there is."""
    return min(0.25 * test, 0.9 * work.tokens)


@dataclass(frozen=True)
class Choice:
    """Test tokens and number of sizes for a time.

    Attributes:
        test_tokens: label tokens of the dataset whose information is measured.
        sizes: number of sizes.
    """

    test_tokens: float
    sizes: int


def choose(
    work: Work, speed: Speed, costs: Sequence[SizeCost], most: float, test_tokens: float | None
) -> Choice:
    """Choose the largest family whose test set is large for it, of those that fit the time.

    Where none fits, it is the least.

    Args:
        work: the runs.
        speed: seconds of training.
        costs: sizes in order, the smallest that may be trained first.
        most: the most test tokens, those of the smallest source.
        test_tokens: those that were asked for; None: to be chosen.
    """
    asked = [test_tokens] if test_tokens else [x for x in _round_numbers() if x <= most]
    asked = asked or [most]
    best = Choice(asked[0], LEAST_SIZES)
    for count in range(LEAST_SIZES, min(MOST_SIZES, len(costs)) + 1):
        sizes = costs[:count]
        fit = [x for x in asked if seconds_of(work, speed, sizes, x) <= work.seconds]
        if not fit:
            break
        enough = fit[-1] >= min(TOKENS_PER_PARAMETER * sizes[-1].params, most / 2)
        if count == LEAST_SIZES or enough or test_tokens:
            best = Choice(fit[-1], count)
    return best


def _round_numbers() -> list[float]:
    """1, 2 and 5 times powers of ten."""
    decades = range(len(str(_LEAST_TEST)) - 1, len(str(_MOST_TEST)))
    every = [lead * 10.0**decade for decade in decades for lead in (1, 2, 5)]
    return [value for value in every if _LEAST_TEST <= value <= _MOST_TEST]
