"""Training steps for other JAX programs, and the compiled engine for cohorts."""

from epiplexity_jax.engine import *  # noqa: F403
from epiplexity_jax.engine import __all__ as __all__
