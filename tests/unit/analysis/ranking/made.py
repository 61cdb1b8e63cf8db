"""Frontiers of sources whose laws, errors and recipes are known."""

from dataclasses import replace
from functools import cache

import numpy as np

from epiplexity_jax.analysis import Curve, Frontier, HeldoutLosses, StepCost, trace
from epiplexity_jax.analysis.runs.recipes import RecipeReport
from epiplexity_jax.analysis.simulate import SimulatedNoise, sweep
from epiplexity_jax.coding import record_points
from tests.unit.analysis.frontier.made import LAW, TEST

SIZES = (4_000, 16_000, 64_000)
NOISE = SimulatedNoise(seed=0.02)


@cache
def source(number, share=1.0, seeds=3, noise=NOISE, sizes=SIZES):
    """A source whose structure grows with `share`; sources of other numbers have other errors."""
    law = replace(LAW, d0=LAW.d0 * share)
    generator = np.random.default_rng([number, round(100 * share)])
    curves = sweep(law, sizes, record_points(300), 6_000_000, seeds, noise, generator)
    return trace(curves, test_tokens=TEST)


def like(frontier, **changes):
    """The same frontier under another setting."""
    setting = replace(frontier.setting, **changes)
    return Frontier(setting, frontier.all_members, traced=frontier.traced)


@cache
def flat(number, level=0.0, bytes_per_token=None):
    """Runs on noise over the same symbols, of which none is shorter than the uniform code."""
    curves = []
    for params in SIZES[:2]:
        for seed in range(2):
            generator = np.random.default_rng([number, params, seed])
            loss = np.log(256) + 1e-4 * (1.0 + generator.random(31)) - level * np.arange(31)
            loss[0] = np.log(256)
            blocks = loss[:, None] + 1e-4 * generator.standard_normal((31, 16))
            blocks[0] = loss[0]
            curves.append(
                Curve(
                    source=f"flat{number}",
                    size=f"N{params}",
                    params=params,
                    vocab_size=256,
                    steps=np.arange(31),
                    cost=StepCost.dense(params, 1_000_000),
                    ema=HeldoutLosses(loss, np.full(31, 1e-4), blocks),
                    seed=seed,
                    bytes_per_token=bytes_per_token,
                )
            )
    return trace(curves, test_tokens=TEST)


def middle(*frontiers):
    """A budget at which the optimum of every frontier lies inside."""
    low = max(f.reach_inside[0] for f in frontiers)
    high = min(f.reach_inside[1] for f in frontiers)
    assert low < high
    return float(np.sqrt(low * high))


def tuned(half, double):
    """A recipe with changes of S at half and at twice its rate, where MDL is as much longer."""
    neighbours = tuple(
        {
            "learning_rate": 0.1 * shift,
            "epiplexity_change": change,
            "mdl_change": change and abs(change),
        }
        for shift, change in ((0.5, half), (2.0, double))
    )
    return RecipeReport("tuned", {"learning_rate": 0.1}, 9, "N4000", 1.0, neighbours)
