"""Variants by name: how each codes a run, and what may be asked of it."""

from collections.abc import Callable
from dataclasses import dataclass

from epiplexity_jax.analysis.runs import variants
from epiplexity_jax.analysis.runs.curve import Curve
from epiplexity_jax.analysis.runs.variants import Choice, Coded, Ends
from epiplexity_jax.base.registry import Choices


@dataclass(frozen=True)
class Variant:
    """A variant of a code length.

    Attributes:
        code: function of a run and its floors; of a variant that switches, of a `Choice` too.
        switches: whether the code changes weights at a step that is chosen for all seeds.
        at_end: whether it is known of the untrained and the final model alone, and ends at the
            final one.
    """

    code: Callable[..., Coded]
    switches: bool = False
    at_end: bool = False

    def coded(self, curve: Curve, ends: Ends, choice: Choice | None) -> Coded:
        """Code a run.

        Args:
            curve: the run.
            ends: its floors.
            choice: steps at which the seeds of its member switch; None where nothing does.
        """
        return self.code(curve, ends, choice) if self.switches else self.code(curve, ends)


def _ema_student(curve: Curve, ends: Ends) -> Coded:
    return variants.requential(curve, ends, ema=True)


def _student(curve: Curve, ends: Ends) -> Coded:
    return variants.requential(curve, ends, ema=False)


VARIANTS: Choices[Variant] = Choices("variant")
"""Variants by the name that `--variant`, configs and stores have."""
VARIANTS.register("switch", Variant(variants.switch, switches=True))
VARIANTS.register("paired", Variant(variants.paired))
VARIANTS.register("online", Variant(variants.online))
VARIANTS.register("exact", Variant(variants.exact, at_end=True))
VARIANTS.register("ema_student", Variant(_ema_student))
VARIANTS.register("student", Variant(_student))
