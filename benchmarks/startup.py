"""How long until the first step: import, plan, compile; and what does a second start compile?

Run: python benchmarks/startup.py  (about 2 minutes on two cores)

The demo's sweep with two steps a run, in processes of their own, with an empty compilation cache
and then with the one that the first left. `misses` are programs that had to be compiled, `hits`
those taken from the cache; seconds from the start of the process.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from result import write

CONFIG = Path(__file__).parents[1] / "configs" / "demo.yaml"
REPEATS = int(os.environ.get("REPEATS", "3"))

PROGRAM = """
import json, sys, time
began = time.perf_counter()
counts = dict(hits=0, misses=0)
import epiplexity_jax as epx
imported = time.perf_counter()
import jax
from epiplexity_jax import api
from epiplexity_jax.runtime.devices import configure_process
with_jax = time.perf_counter()
def count(name, **_):
    for what in counts:
        counts[what] += name == "/jax/compilation_cache/cache_" + what
jax.monitoring.register_event_listener(count)
from pathlib import Path
overrides = ["training.steps=2", "heldout.tokens=8192", "training.warmup_steps=1"]
first = []
class Watch(api.Silent):
    def advance(self, *args, **kwargs):
        first.append(time.perf_counter())
configure_process()
api.run_config(Path(sys.argv[1]), overrides, Path(sys.argv[2]), Watch())
done = time.perf_counter()
print(json.dumps(dict(import_s=imported - began, with_jax_s=with_jax - began,
    first_step_s=first[0] - began if first else None, sweep_s=done - began, **counts)))
"""


def start(cache: Path) -> dict[str, float]:
    """One process."""
    with tempfile.TemporaryDirectory() as store:
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(CONFIG), str(Path(store, "runs"))],
            env=os.environ | {"XDG_CACHE_HOME": str(cache)},
            capture_output=True,
            text=True,
            check=True,
        )
    return json.loads(ran.stdout.splitlines()[-1])


def main() -> None:
    rows = []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            cold, warm = (start(Path(folder)) for _ in range(2))
        rows.append({"cold": cold, "warm": warm})
        print(rows[-1], flush=True)
    found = {
        which: {
            name: round(statistics.median(row[which][name] for row in rows), 2)
            for name in rows[0][which]
        }
        for which in ("cold", "warm")
    }
    print(found)
    print(write("startup", **found))


if __name__ == "__main__":
    main()
