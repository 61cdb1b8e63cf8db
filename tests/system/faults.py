"""Runs a sweep that is killed at a chosen point, then the same sweep again; one trial a case.

Run: python -m tests.system.faults CASES.json RESULTS.json, each trial in processes that are forked
from this one before JAX starts a backend, so that a trial costs no imports. A case is a dict: the
config file, the store, overrides, and the point: a function, how often it is called before, whether
the end comes before or after that call, and the signal.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path

# Imported before the processes part.
import flax.linen  # noqa: F401
import jax  # noqa: F401
import optax  # noqa: F401
import orbax.checkpoint  # noqa: F401

from epiplexity_jax import api
from epiplexity_jax.sweep.checkpoints import WaveKeeper
from tests.system.sweeps import Listener, histories, results

EVERY = 4  # pieces of the loop to a checkpoint


def end_at(point):
    """Let a signal reach this process at a call of a function."""
    module, _, name = point["function"].partition(":")
    holder = importlib.import_module(module)
    *classes, name = name.split(".")
    for each in classes:
        holder = getattr(holder, each)
    usual, calls = getattr(holder, name), 0

    def ending(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls == point["call"] and point["when"] == "before":
            os.kill(os.getpid(), point["signal"])
        result = usual(*arguments, **options)
        if calls == point["call"] and point["when"] == "after":
            os.kill(os.getpid(), point["signal"])
        return result

    setattr(holder, name, ending)


def keep_often():
    """A checkpoint every few pieces, written at once: the calls of a trial can be counted."""
    usual, keep, calls = WaveKeeper.due, WaveKeeper.keep, 0

    def due(self):
        nonlocal calls
        calls += 1
        return usual(self) or calls % EVERY == 0

    def kept(self, *arguments):
        keep(self, *arguments)
        self.wait()

    WaveKeeper.due, WaveKeeper.keep = due, kept


def forked(work):
    """Do something in a process of its own: how it ended, as `subprocess` counts."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        work()
        status = 0
    except KeyboardInterrupt:
        status = 130
    except BaseException:  # noqa: BLE001 - the process must end here
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def sweep(case, told):
    """Run a case's sweep."""
    keep_often()
    return api.run_config(Path(case["config"]), case["overrides"], Path(case["store"]), told)


def trial(case, result):
    """Run a case, killed and then whole; written to a file by the second process."""

    def killed():
        end_at(case["point"])
        sweep(case, Listener())

    def whole():
        told = Listener()
        runs = sweep(case, told)
        result.write_text(json.dumps([told.started, told.said, results(runs)]))

    status = forked(killed) if case.get("point") else None
    before = histories(case["store"])
    kept = sorted(str(p) for p in Path(case["store"]).glob("checkpoints/wave-*/*/records.npz"))
    assert forked(whole) == 0, case
    after = histories(case["store"])
    started, said, found = json.loads(result.read_text())
    return {
        "status": status,
        "kept": kept,
        "finished": len(before),
        "untouched": before.items() <= after.items(),
        "left": sorted(p.name for p in Path(case["store"]).rglob("*.tmp")),
        "waves": [p.name for p in Path(case["store"]).glob("checkpoints/wave-*")],
        "started": started,
        "said": said,
        "results": found,
    }


def main():
    cases, results_file = sys.argv[1:]
    done = []
    for case in json.loads(Path(cases).read_text()):
        done.append(trial(case, Path(results_file)))
    Path(results_file).write_text(json.dumps(done))


if __name__ == "__main__":
    main()
