"""Frontiers that show themselves, of sources that are learnt, are noise, or diverged."""

from epiplexity_jax.analysis import trace
from epiplexity_jax.report.plottable import PlottableFrontier
from tests.unit.analysis.frontier.made import LEARNT, toy


def shown(frontier):
    """The same frontier, which draws and shows itself."""
    return PlottableFrontier(
        frontier.setting,
        frontier.all_members,
        frontier.warnings,
        frontier.entropy_rate_nats,
        frontier.traced,
    )


def learnt(source="toy"):
    """Two seeds of one size that learn."""
    curves = [toy(LEARNT * (1 + 1e-3 * seed), seed=seed, source=source) for seed in range(2)]
    return shown(trace(curves, test_tokens=1e6))


def diverged():
    """A source of which no run is left."""
    return shown(trace([toy(LEARNT, status="diverged")], test_tokens=1e6))
