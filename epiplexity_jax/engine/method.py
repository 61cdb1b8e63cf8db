"""The protocol of training methods: one iteration on a batch, and the weights that are scored.

A method is static (hashable, part of the compiled program); its states and infos are pytrees of
arrays. The methods themselves are in `estimators`, and states have the properties of `MemberState`.
"""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Key

from epiplexity_jax.engine.recorder import Recorder
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.families.spec import Model
from epiplexity_jax.sources.spec import Batch


@runtime_checkable
class Method(Protocol):
    """A way to train, as the engine calls it."""

    @property
    def num_weight_sets(self) -> int:
        """W, sets of weights that a record point scores."""
        ...

    @property
    def recorder(self) -> type[Recorder]:
        """The class that collects a run on the host."""
        ...

    def init(self, params: Any, samples: Key[Array, ""]) -> Any:
        """The state of an untrained member; `samples` is its own key for drawing samples."""
        ...

    def update(
        self,
        model: Model,
        state: Any,
        batch: Batch,
        hyper: Hyperparameters,
        microbatch: int | None,
    ) -> tuple[Any, Any]:
        """Run one update on a batch of real data.

        Args:
            model: the member's model (static).
            state: the member's state before the iteration.
            batch: [B, L] integers or a `Batch` of another sort.
            hyper: the member's hyperparameters.
            microbatch: see `step.train_step` (static).

        Returns:
            The state after the iteration, and its info: a named tuple with a `status` and, None
            by default, `labels`, which the engine fills in where labels vary.
        """
        ...

    def empty_info(self, sequences: int) -> Any:
        """The info of an iteration on a batch of B that did not run: zeros, status NOT_RUN."""
        ...
