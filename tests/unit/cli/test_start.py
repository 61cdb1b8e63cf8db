"""An interrupt while modules are imported: one line and its status, whatever was being imported."""

import os
import signal
import subprocess
import sys

import pytest

from epiplexity_jax.cli import start

# A module that is slow to import stands for JAX, of which a signal made other errors and crashes.
SLOW = "import time; print('imported', flush=True); time.sleep(60)\n"


@pytest.mark.parametrize("late", [False, True], ids=["the command line", "what a command needs"])
def test_ctrl_c_while_modules_are_imported_is_one_line(tmp_path, late):
    name = "jax" if late else "typer"
    (tmp_path / f"{name}.py").write_text(SLOW, encoding="utf-8")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.argv = ['epiplexity-jax', 'devices']\n"
        "from epiplexity_jax.cli.start import main; main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"imported\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"epiplexity-jax: stopped\n")


def test_an_interrupt_of_anything_else_is_pythons():
    with pytest.raises(KeyboardInterrupt):
        start._interrupt(signal.SIGINT, None)
