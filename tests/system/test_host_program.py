"""A sweep inside of somebody else's program changes none of its settings."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import logging, os, signal, sys, warnings
import jax
import epiplexity_jax as epx

def settings():
    signals = {n: signal.getsignal(n) for n in signal.valid_signals()}
    loggers = [logging.root, *map(logging.getLogger, ("jax", "absl", "orbax"))]
    heard = [(logger.level, list(logger.handlers), logger.propagate) for logger in loggers]
    return {
        "jax": dict(jax.config.values), "environment": dict(os.environ), "signals": signals,
        "logging": heard, "streams": (sys.stdout, sys.stderr), "folder": os.getcwd(),
    }

class Said:
    said = []
    def message(self, text):
        self.said.append(text)
    def __getattr__(self, name):
        return lambda *_: None

assert not logging.root.handlers  # Orbax would give it one
jax.config.update("jax_compilation_cache_dir", sys.argv[2])
before = settings()
runs = epx.run(
    epx.sources.Noise(vocab_size=4, length=8),
    epx.families.Mlp(widths=(8,), depths=(1,), window=4, seeds=2),
    epx.Requential() if sys.argv[3] == "requential" else None,
    steps=3,
    training=epx.Training(batch_size=8, data_devices=int(sys.argv[4])),
    heldout=epx.Heldout(tokens=2000),
    recipe="fixed", store=sys.argv[1],
    progress=Said(),
)
after = settings()
for name in before:
    assert before[name] == after[name], name
assert len(runs) == 2
assert os.listdir(sys.argv[2])  # the program's own cache
print(len(jax.devices()), *Said.said)
"""


def run_program(tmp_path, estimator, data_devices, devices):
    left_out = {"JAX_NUM_CPU_DEVICES", "JAX_COMPILATION_CACHE_DIR", "NPROC"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "home")}
    environment |= {"JAX_NUM_CPU_DEVICES": str(devices)} if devices else {}
    words = [str(tmp_path / "store"), str(tmp_path / "cache"), estimator, str(data_devices)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "home").exists()
    return done.stdout


@pytest.mark.parametrize(
    ("estimator", "data_devices", "devices"),
    [("prequential", 1, None), pytest.param("requential", 2, 2, marks=pytest.mark.slow)],
    ids=["its one device", "devices that share batches"],
)
def test_a_sweep_leaves_its_host_program_alone(tmp_path, estimator, data_devices, devices):
    printed = run_program(tmp_path, estimator, data_devices, devices)
    assert printed.startswith("2\n" if devices else "1 ")
    several = len(os.sched_getaffinity(0)) > 1
    assert ("one_device_per_core() before" in printed) is (several and not devices)
