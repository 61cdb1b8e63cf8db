"""A second start of a sweep takes every compiled program from the cache."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
import jax
import epiplexity_jax as epx
epx.training.one_device_per_core()
epx.training.cache_compilations()
counts = {"hits": 0, "misses": 0}
def count(name, **_):
    for what in counts:
        counts[what] += name == "/jax/compilation_cache/cache_" + what
jax.monitoring.register_event_listener(count)
runs = epx.run(
    epx.sources.Noise(vocab_size=4, length=8),
    epx.families.Mlp(widths=(8,), depths=(1,), window=4, seeds=2),
    epx.Requential(),
    steps=3,
    training=epx.Training(batch_size=8),
    heldout=epx.Heldout(tokens=2000),
    recipe="fixed", store=sys.argv[1],
)
print(json.dumps([len(runs), counts]))
"""


@pytest.mark.slow
def test_a_second_start_compiles_nothing(tmp_path):
    ours = {"JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    counts = []
    for store in ("one", "two"):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / store)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        finished, counted = json.loads(done.stdout)
        assert finished == 2
        counts.append(counted)
    assert counts[0]["misses"] > 3
    assert counts[1] == {"hits": counts[0]["misses"] + counts[0]["hits"], "misses": 0}
