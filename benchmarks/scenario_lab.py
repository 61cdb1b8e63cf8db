"""The parts that all scenarios share: training, rows of what was found, estimates over seeds."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import epiplexity_jax as epx
from epiplexity_jax.base.config import Config
from epiplexity_jax.base.units import nats_to_bits
from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import mean_over_seeds
from epiplexity_jax.sweep.progress import Silent

SCORED = 20_000  # sequences on which a member is scored as it is
_WARMUP, _FEWEST = 50, 16  # steps
_RECORDED = 4096  # label tokens scored at every record point

Row = Mapping[str, Any]
Rows = Sequence[Row]


class Lab(NamedTuple):
    """Place and length of the training.

    Attributes:
        folder: folder of the stores.
        share: share of the steps that are trained; below 1 to see that all runs.
    """

    folder: Path
    share: float = 1.0

    def steps(self, count: int) -> int:
        """Steps that are trained where so many are asked for."""
        return count if self.share == 1 else max(_FEWEST, round(self.share * count))

    def train(
        self,
        name: str,
        sources: Mapping[str, Config],
        family: Config,
        steps: int,
        *,
        batch: int = 64,
        heldout: int = 50_000,
        variant: str | None = None,
    ) -> epx.Runs:
        """Train members by the published recipe, or resume it.

        Args:
            name: name of the store.
            sources: the sources by name.
            family: the family.
            steps: steps of a whole run.
            batch: sequences of a step.
            heldout: held-out label tokens.
            variant: the code's variant; None is the default.
        """
        count = self.steps(steps)
        return epx.run(
            dict(sources),
            family,
            epx.Prequential(variant=variant) if variant else None,
            store=self.folder / name,
            training=epx.Training(
                steps=count, batch_size=batch, warmup_steps=min(_WARMUP, count // 4)
            ),
            heldout=epx.Heldout(tokens=heldout, record_tokens=min(heldout, _RECORDED)),
            recipe="fixed",
            progress=Silent(),
        )


class Scenario(NamedTuple):
    """A scenario: its training, and what is read from the rows that this leaves.

    Attributes:
        title: its name in the table.
        answer: the computed answer, in a sentence.
        train: trains and returns rows.
        read: values and checks of rows.
    """

    title: str
    answer: str
    train: Callable[[Lab], list[dict[str, Any]]]
    read: Callable[[Rows], Findings]


def final_rows(runs: epx.Runs, test_tokens: float, **named: Any) -> list[dict[str, Any]]:
    """One row a run: its last held-out loss and the code of a dataset, in bits.

    `error` is the standard error of the run's loss; `model_error` and `mdl_error` are those of the
    mean over seeds, as far as seeds do not show them.

    Args:
        runs: the runs.
        test_tokens: label tokens of the dataset.
        **named: further entries of every row.
    """
    lengths = {row["run_id"]: row for row in runs.rows(test_tokens)}
    errors = {
        (source, member.name): (
            unshown(member.model_stderr, member.model_seeds),
            unshown(member.mdl_stderr, member.model_seeds + member.data_seeds),
        )
        for source in runs.sources
        for member in runs.frontier(test_tokens, source).all_members
    }
    rows = []
    for curve in runs.curves():
        row = lengths[curve.run_id]
        model_error, mdl_error = errors[curve.source, curve.size]
        rows.append(
            named
            | {
                "source": curve.source,
                "size": curve.size,
                "seed": curve.seed,
                "loss": bits(curve.ema.loss_nats[-1]),
                "error": bits(curve.ema.stderr_nats[-1]),
                "model_bits": row["model_bits"],
                "model_error": float(model_error[-1]),
                "mdl_bits": row["mdl_bits"],
                "mdl_error": float(mdl_error[-1]),
            }
        )
    return rows


def unshown(errors: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Standard errors [R] of means over seeds, less the scatter that seeds show.

    Args:
        errors: [R] standard errors with the scatter.
        seeds: [S, R] values of each seed.
    """
    if len(seeds) < 2:
        return errors
    return np.sqrt(np.maximum(errors**2 - seeds.var(axis=0, ddof=1) / len(seeds), 0.0))


def bits(nats: float) -> float:
    """Nats in bits, as a plain number."""
    return float(nats_to_bits(float(nats)))


def chosen(rows: Rows, **named: Any) -> list[Row]:
    """Rows with given entries, by seed."""
    found = [row for row in rows if all(row.get(key) == value for key, value in named.items())]
    return sorted(found, key=lambda row: row["seed"])


def mean(rows: Rows, key: str, error: str | None = None) -> Estimate:
    """Mean over seeds of an entry, with its interval.

    Args:
        rows: a row a seed.
        key: the entry.
        error: the entry with its standard error, which seeds share as they share held-out data.
    """
    sampling = 0.0 if error is None else float(np.mean([row[error] for row in rows]))
    return mean_over_seeds(np.array([row[key] for row in rows], float), sampling)


def difference(
    more: Rows, less: Rows, key: str, error: str | None = None, factor: float = 1.0
) -> Estimate:
    """Mean difference of an entry, paired by seed.

    Args:
        more: rows of the first source.
        less: rows of the source that is subtracted.
        key: the entry.
        error: as for `mean`; errors of both are taken as independent.
        factor: factor of what is subtracted.
    """
    pairs = list(zip(more, less, strict=True))
    apart = np.array([one[key] - factor * other[key] for one, other in pairs], float)
    errors = [
        0.0 if error is None else weight * float(np.mean([row[error] for row in rows]))
        for rows, weight in ((more, 1.0), (less, factor))
    ]
    return mean_over_seeds(apart, math.hypot(*errors))


def widened(value: Estimate, seeds: int, comparisons: int) -> Estimate:
    """The estimate with an interval that holds for several comparisons at once (Bonferroni).

    The whole interval grows as Student's t does, so its part of held-out data grows too much.

    Args:
        value: the estimate with its 95 % interval.
        seeds: seeds of the mean.
        comparisons: number of comparisons of which none is to err at 95 %.
    """
    if value.interval is None:
        return value
    from scipy.stats import t

    factor = t.ppf(1 - 0.025 / comparisons, seeds - 1) / t.ppf(0.975, seeds - 1)
    low, high = (value.value + float(factor) * (end - value.value) for end in value.interval)
    return Estimate(value.value, low, high)


def within(found: Findings, expected: str, value: Estimate, oracle: float, most: float) -> None:
    """Add the check that a value lies within a distance of the computed one.

    It holds where the whole interval does, and is open where the interval crosses an end.

    Args:
        found: receives the check.
        expected: the statement.
        value: the value.
        oracle: the computed one.
        most: largest distance.
    """
    shown = f"{value}, computed {oracle:.4g}"
    found.check("oracle", expected, shown, value.inside(oracle - most, oracle + most))


def coin(rate: float) -> float:
    """Entropy of a coin, bits.

    >>> coin(0.5), coin(0.0)
    (1.0, 0.0)
    """
    return -sum(p * math.log2(p) for p in (rate, 1.0 - rate) if p > 0)


def accuracies(runs: epx.Runs, target: Config, **named: Any) -> list[dict[str, Any]]:
    """One row a member: the share of a target's labels that it has right, as it is.

    Args:
        runs: the members' runs.
        target: the target.
        **named: further entries of every row.
    """
    found = epx.transfer(
        runs, target, test_tokens=1e6, steps=0, readout="keep", heldout_tokens=SCORED, seed=1
    )
    return [
        named
        | {
            "source": row["source"],
            "seed": row["seed"],
            "accuracy": row["accuracy"],
            "accuracy_error": math.sqrt(row["accuracy"] * (1 - row["accuracy"]) / SCORED),
        }
        for row in found.members
    ]
