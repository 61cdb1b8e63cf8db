"""Choose the executor that a config asks for."""

import contextlib
import importlib
import importlib.util
import os
import sys
import uuid
from collections.abc import Iterator

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.executors.local import Local
from epiplexity_jax.executors.ray_progress import LOCAL, address_of
from epiplexity_jax.runtime.devices import start_devices
from epiplexity_jax.runtime.processes import is_multiprocess
from epiplexity_jax.sweep.config import ExecutorOptions, Sweep
from epiplexity_jax.sweep.executor import Executor


@contextlib.contextmanager
def executor_of(sweep: Sweep) -> Iterator[Executor]:
    """Open the executor of a sweep's config, ready to train.

    Raises:
        ConfigError: when the cluster is not there or cannot train, or `ray` is not installed.
    """
    if sweep.executor.kind == "local":
        yield Local(start_devices(sweep.training.shares))
        return
    if is_multiprocess():
        raise ConfigError(
            "executor.kind: ray starts its own processes; leave out --join and launch"
        )
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(
            "executor.kind: ray needs the package ray: pip install 'epiplexity-jax[ray]', "
            "or use local"
        )
    _set_up_ray(sweep.executor)
    # By name: Ray is an optional package, and reads its environment when it is imported.
    driver = importlib.import_module("epiplexity_jax.executors.ray_driver")
    with driver.joined(sweep) as cluster:
        yield cluster


def _set_up_ray(options: ExecutorOptions) -> None:
    """Set what Ray reads from the environment as it is imported, where the user has not."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address_of(options) == LOCAL and "ray" not in sys.modules:
        # Keeps other users of the machine out; Ray would write a token into the home directory.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", uuid.uuid4().hex)
