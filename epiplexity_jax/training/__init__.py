"""Training: pure step functions for anybody's program, and the compiled engine for cohorts."""

from epiplexity_jax.training.cohort import CohortJob, MemberJob, MemberResult, train_cohort
from epiplexity_jax.training.data import Stream, heldout_tokens
from epiplexity_jax.training.devices import cache_compilations, use_every_core
from epiplexity_jax.training.heldout import HeldoutLayout, heldout_layout
from epiplexity_jax.training.loop import init_member
from epiplexity_jax.training.sharding import member_mesh
from epiplexity_jax.training.state import Hyperparameters, MemberState, StepInfo, initial_state
from epiplexity_jax.training.step import sequence_losses, train_step

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
    "use_every_core",
]
