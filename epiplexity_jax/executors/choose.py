"""Choose the executor that a config asks for."""

import contextlib
import functools
import importlib
import importlib.util
import sys
import uuid
from collections.abc import Iterator

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.executors.local import Local
from epiplexity_jax.executors.ray_progress import LOCAL, address_of
from epiplexity_jax.runtime.devices import environment, open_devices
from epiplexity_jax.runtime.processes import is_multiprocess
from epiplexity_jax.sweep.config import Sweep
from epiplexity_jax.sweep.executor import Executor


@contextlib.contextmanager
def executor_of(sweep: Sweep) -> Iterator[Executor]:
    """Open the executor of a sweep's config, ready to train.

    Raises:
        ConfigError: when the cluster is not there or cannot train, or `ray` is not installed.
    """
    if sweep.executor.kind == "local":
        with open_devices(sweep.training.shares) as devices:
            yield Local(devices)
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
    variables = {"RAY_USAGE_STATS_ENABLED": "0"}
    if address_of(sweep.executor) == LOCAL:
        variables |= _token()
    with environment(variables):
        # By name: Ray is an optional package, and reads its environment when it is imported.
        driver = importlib.import_module("epiplexity_jax.executors.ray_driver")
        with driver.joined(sweep) as cluster:
            yield cluster


@functools.cache
def _token() -> dict[str, str]:
    """Make a token that keeps other users of the machine out; one for all sweeps of a process.

    Ray would write one into the home directory. It reads its own when it is imported.
    """
    if "ray" in sys.modules:
        return {}
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": uuid.uuid4().hex}
