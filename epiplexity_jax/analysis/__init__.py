"""Curves, frontiers, decompositions and their intervals, from stored runs or plain arrays."""

from epiplexity_jax.analysis.curve_files import Layout, read_curve
from epiplexity_jax.analysis.curves import Cost, Curve, Exact, Heldout, Messages, Online
from epiplexity_jax.analysis.decomposition import Decomposition
from epiplexity_jax.analysis.frontier import Frontier, trace
from epiplexity_jax.analysis.hull import PROCEDURES
from epiplexity_jax.analysis.loss_curve import LossCurve, estimate
from epiplexity_jax.analysis.members import Member, Points
from epiplexity_jax.analysis.scoring import FLOORS, VARIANTS, Scored, choices, score
from epiplexity_jax.analysis.stored import curve_from, teacher_curve

__all__ = [
    "FLOORS",
    "PROCEDURES",
    "VARIANTS",
    "Cost",
    "Curve",
    "Decomposition",
    "Exact",
    "Frontier",
    "Heldout",
    "Layout",
    "LossCurve",
    "Member",
    "Messages",
    "Online",
    "Points",
    "Scored",
    "choices",
    "curve_from",
    "estimate",
    "read_curve",
    "score",
    "teacher_curve",
    "trace",
]
