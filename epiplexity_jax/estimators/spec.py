"""The estimator protocol: how a trained model is coded, decided once when a sweep is planned."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from epiplexity_jax.base.columns import OwnColumn
from epiplexity_jax.engine.method import Method
from epiplexity_jax.families.spec import Cost
from epiplexity_jax.sources.spec import SourceInfo


@runtime_checkable
class Estimator(Protocol):
    """An estimator opened from its config section."""

    @property
    def config(self) -> Any:
        """The config section; its fields `kind`, `variant` and `floor` are stored with a run."""
        ...

    @property
    def method(self) -> Method:
        """The training method of the compiled programs."""
        ...

    @property
    def columns(self) -> tuple[OwnColumn, ...]:
        """Columns that its recorder adds to those which every history has."""
        ...

    @property
    def stream_columns(self) -> tuple[OwnColumn, ...]:
        """Columns that its recorder adds to those which every stream has, sums by block."""
        ...

    @property
    def state_copies(self) -> int:
        """Arrays as large as the parameters that a member holds: weights, averages, moments."""
        ...

    @property
    def resumable(self) -> bool:
        """True if the final state of a run can be trained for more steps."""
        ...

    def hyper(self) -> Mapping[str, Any]:
        """The estimator's own fields of `engine.state.Hyperparameters`."""
        ...

    def identity(self, steps: int, counts: bool = False) -> dict[str, Any]:
        """Plain values that decide the numbers of a run.

        Args:
            steps: steps of the run.
            counts: whether the family counts on the host, so that nothing is averaged.
        """
        ...

    def iterations(self, steps: int) -> int:
        """The most iterations that a run of so many steps takes."""
        ...

    def variants(self, info: SourceInfo, counts: bool) -> tuple[str, ...]:
        """Variants that a run's history will allow, the default first.

        Args:
            info: facts of the source.
            counts: whether the family counts on the host and is not trained by gradients.
        """
        ...

    def flops_per_token(self, cost: Cost, sampling_passes: int) -> float:
        """FLOPs of one iteration per input or label token.

        Args:
            cost: the model's cost.
            sampling_passes: forward passes that drawing a sequence takes.
        """
        ...

    def check(self, family: str, counts: bool, sources: Mapping[str, SourceInfo]) -> None:
        """Refuse what the family or a source does not allow.

        Args:
            family: kind of the family.
            counts: whether it counts on the host.
            sources: facts by name; entropy rates are None where the family leaves labels out.

        Raises:
            ConfigError: naming the key.
        """
        ...
