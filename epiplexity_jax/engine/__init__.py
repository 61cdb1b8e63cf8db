"""Training: pure step functions for anybody's program, and the compiled engine for cohorts."""

from epiplexity_jax.engine.heldout import HeldoutLayout, heldout_layout
from epiplexity_jax.engine.programs import init_member
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.state import Hyperparameters, MemberState, StepInfo, initial_state
from epiplexity_jax.engine.step import sequence_losses, train_step
from epiplexity_jax.engine.stream import Stream, heldout_tokens
from epiplexity_jax.engine.train_cohort import CohortJob, MemberJob, MemberResult, train_cohort
from epiplexity_jax.runtime.devices import cache_compilations, one_device_per_core

__all__ = [
    "CohortJob",
    "HeldoutLayout",
    "Hyperparameters",
    "MemberJob",
    "MemberResult",
    "MemberState",
    "StepInfo",
    "Stream",
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
