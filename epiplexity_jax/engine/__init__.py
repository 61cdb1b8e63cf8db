"""The compiled engine: pure step functions for any JAX program, and loops over cohorts."""

from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.heldout import HeldoutLayout, heldout_layout
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.programs import ProgramKey, init_member
from epiplexity_jax.engine.results import MemberResult
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.state import (
    Hyperparameters,
    MemberState,
    StepInfo,
    StepStatus,
    initial_state,
)
from epiplexity_jax.engine.step import sequence_losses, train_step
from epiplexity_jax.engine.stream import Stream, heldout_tokens
from epiplexity_jax.engine.train_cohort import train_cohort
from epiplexity_jax.runtime.devices import cache_compilations, one_device_per_core

__all__ = [
    "CohortJob",
    "HeldoutLayout",
    "Hyperparameters",
    "MemberJob",
    "MemberResult",
    "MemberState",
    "ProgramKey",
    "StepInfo",
    "StepStatus",
    "Stream",
    "Window",
    "cache_compilations",
    "heldout_layout",
    "heldout_tokens",
    "init_member",
    "initial_state",
    "member_mesh",
    "sequence_losses",
    "train_cohort",
    "train_step",
    "one_device_per_core",
]
