"""Importing the package is light: it starts, writes and configures nothing."""

import subprocess
import sys

import pytest

IMPORT = """
import logging, sys
before = list(logging.root.handlers), logging.root.level
import epiplexity_jax as epx
assert dir(epx) == epx.__all__
heavy = {"jax", "flax", "optax", "numpy", "pyarrow", "altair", "rich", "typer"} & set(sys.modules)
assert not heavy, heavy
assert (logging.root.handlers, logging.root.level) == before
"""

# JAX takes a number of devices only as long as no backend runs.
USE_EVERY_NAME = """
import logging
import epiplexity_jax as epx
for name in epx.__all__:
    getattr(epx, name)
import jax
jax.config.update("jax_num_cpu_devices", 3)
assert not logging.root.handlers
"""


@pytest.mark.parametrize("code", [IMPORT, USE_EVERY_NAME], ids=["import", "use every name"])
def test_import_starts_nothing_and_writes_nothing(code, tmp_path):
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_not_there():
    import epiplexity_jax as epx

    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        getattr(epx, "runn")  # noqa: B009
