"""A small sweep, and what tests ask of its plan."""

from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.plan import make_plan

SWEEP = {
    "sources": {
        "chain": {"kind": "markov", "vocab_size": 4, "length": 16},
        "noise": {"kind": "noise", "vocab_size": 4, "length": 16},
    },
    "family": {"kind": "transformer", "widths": [16], "depths": [1], "seeds": 2},
    "recipe": "fixed",
    "training": {"steps": 8, "batch_size": 4},
    "heldout": {"tokens": 2048},
}


def plan_of(platform="cpu", **sections):
    """Plan the sweep, with other sections."""
    return make_plan(parse_sweep(SWEEP | sections), platform)


def ids(plan):
    return {run.label: run.run_id for run in plan.runs}


def lineages(plan):
    return {run.label: run.lineage for run in plan.runs}


def waves_of(plan, devices, platform="cpu"):
    return plan.trainer.waves(plan.runs, {}, Hardware(devices, platform))


def members(plan, wave):
    return [plan.trainer.runs[i] for i in wave.run_ids]
