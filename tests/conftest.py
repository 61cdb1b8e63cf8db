"""Settings of all tests, made before JAX or the package is imported; subprocesses inherit them."""

import gc
import os
from importlib.metadata import version
from pathlib import Path

from jaxtyping import install_import_hook

import tests.type_checker  # noqa: F401 - the hook asks for it by name

COMPILED = Path(__file__).parents[1] / ".pytest_cache" / "xla"

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_NUM_CPU_DEVICES"] = "2"
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(COMPILED)
# LLVM at its lowest level, older code for fusions and one module a program compile in a quarter of
# the time; XLA's own passes are those that users get. XLA ends a process that names a flag which it
# does not know, so others than JAX 0.10 do without two of them. Flags of one's own win.
QUICK = ["--xla_backend_optimization_level=0"]
if version("jaxlib").startswith("0.10."):
    QUICK += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]
if os.environ.get("COMPILE_AS") != "users":  # see the marker `as_users`
    os.environ["XLA_FLAGS"] = " ".join([*QUICK, os.environ.get("XLA_FLAGS", "")])
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.5"
# Programs without the lines of Python that made each operation are traced in a twelfth less time.
os.environ["JAX_TRACEBACK_IN_LOCATIONS_LIMIT"] = "0"
os.environ["JAX_INCLUDE_FULL_TRACEBACKS_IN_LOCATIONS"] = "0"
# JAX keeps millions of objects that are no garbage: looking for it seldom saves a twentieth.
gc.set_threshold(200_000, 50, 1000)

# Annotations are checked at every call, and axes of one name must have one length.
# `api` is left out: what it takes is the user's, and refused in its own words; and `resources`,
# where a plan calls 200,000 small functions: a tenth of the time of all tests.
CHECKED = (
    "epiplexity_jax.base",
    "epiplexity_jax.runtime",
    "epiplexity_jax.trackers",
    "epiplexity_jax.coding",
    "epiplexity_jax.sources",
    "epiplexity_jax.analysis",
    "epiplexity_jax.families",
    "epiplexity_jax.engine",
    "epiplexity_jax.estimators",
    "epiplexity_jax.tuning",
    "epiplexity_jax.planning",
    "epiplexity_jax.probing",
    "epiplexity_jax.checkpoints",
    "epiplexity_jax.store",
    "epiplexity_jax.report",
    "epiplexity_jax.results",
    "epiplexity_jax.pages",
    "epiplexity_jax.sweep",
    "epiplexity_jax.executors",
    "epiplexity_jax.cli",
)
if os.environ.get("CHECK_ANNOTATIONS") != "0":  # slow tests: the others have checked them
    install_import_hook(CHECKED, "tests.type_checker.checked")
