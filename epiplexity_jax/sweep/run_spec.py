"""A run with all that later stages ask for, decided once when its sweep is planned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from epiplexity_jax.base.columns import OwnColumn
from epiplexity_jax.engine.programs import ProgramKey
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.estimators.counting import CountingProgram
from epiplexity_jax.families.spec import Cost, Size
from epiplexity_jax.sweep.dataset import Dataset

Program = TypeVar("Program", ProgramKey, CountingProgram)


@dataclass(frozen=True, eq=False)
class RunSpec(Generic[Program]):
    """One member of a family on one source.

    Attributes:
        label: source, size, learning rate and batch where there are several, seed: for messages.
        dataset: its source.
        size: the model's size.
        learning_rate: base learning rate; None for counts.
        seed: the member's seed.
        cost: the model's cost; `declared` is the family's own count where the compiler's is used.
        batch_size: sequences of a step.
        steps: number of steps to train; those of the teacher where there is one.
        iterations: the most that it takes.
        program: the static part of what trains it: hashable, equal for runs that share a program.
        hyper: values in which members of a cohort differ.
        microbatch: sequences whose gradient is taken at once: the config's, or by rule.
        columns: columns of its history, beside those of every run.
        stream_columns: columns of its stream, beside those of every run.
        exact: whether the final model scores the training data again.
        resumable: whether its final state is kept, to be trained for more steps.
        state_bytes: size of a member's weights, averages, moments and gradient: the least it holds.
        flops: FLOPs of training and of the scoring at its end.
        row: columns of the store that are known before training.
    """

    label: str
    dataset: Dataset
    size: Size
    learning_rate: float | None
    seed: int
    cost: Cost
    declared: Cost
    batch_size: int
    steps: int
    iterations: int
    microbatch: int
    program: Program
    hyper: Hyperparameters
    columns: tuple[OwnColumn, ...]
    stream_columns: tuple[OwnColumn, ...]
    exact: bool
    resumable: bool
    state_bytes: int
    flops: float
    row: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        """The name of the run in its store."""
        return self.row["run_id"]

    @property
    def lineage(self) -> str:
        """A name that a longer run shares with the shorter one that it continues."""
        return self.row["lineage"]

    @property
    def cohort(self) -> Any:
        """A key that fixes the shapes of its programs: equal for runs that may train together."""
        length = (self.batch_size, self.steps, self.iterations)
        return self.program, self.dataset.layout, self.exact, length

    @property
    def tokens_per_step(self) -> int:
        """Input and label tokens of a batch."""
        return self.batch_size * self.dataset.task.total_tokens


DeviceRun = RunSpec[ProgramKey]
CountingRun = RunSpec[CountingProgram]
Resize = Callable[[RunSpec[Any], Size], RunSpec[Any]]
"""Function from a run and a size to the same member with a model of that size."""
