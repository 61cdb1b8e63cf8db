"""What a run trains: its model, the method, and the shapes of its state."""

from typing import Any

import jax

from epiplexity_jax.engine.method import Method
from epiplexity_jax.engine.programs import PREQUENTIAL, init_member
from epiplexity_jax.estimators.requential import RequentialMethod
from epiplexity_jax.families.spec import DeviceFamily
from epiplexity_jax.sweep.config import Requential, Sweep
from epiplexity_jax.sweep.plan import Plan, Run


def model_of(plan: Plan, run: Run) -> Any:
    """The model of a run of a device family."""
    family = plan.family
    assert isinstance(family, DeviceFamily)
    return family.model(run.size, run.dataset.task, plan.compute_dtype)


def method_of(sweep: Sweep) -> Method:
    """How a sweep's members train."""
    if isinstance(sweep.estimator, Requential):
        return RequentialMethod(raw_reference=sweep.estimator.reference == "student")
    return PREQUENTIAL


def state_like(plan: Plan, run: Run) -> Any:
    """Shapes and types of a run's state."""
    model, method = model_of(plan, run), method_of(plan.sweep)
    return jax.eval_shape(lambda k: init_member(model, k, method, k), jax.random.key(0))
