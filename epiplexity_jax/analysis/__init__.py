"""Curves, frontiers, decompositions and their intervals, from stored runs or plain arrays."""

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.analysis.frontier.frontier import Frontier, trace
from epiplexity_jax.analysis.frontier.members import Member
from epiplexity_jax.analysis.frontier.procedures import PROCEDURES
from epiplexity_jax.analysis.frontier.traced import Points
from epiplexity_jax.analysis.logs.estimate import estimate
from epiplexity_jax.analysis.logs.estimate_messages import estimate_messages
from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.loss_curve import LossCurve
from epiplexity_jax.analysis.logs.message_log import MessageLog
from epiplexity_jax.analysis.logs.reading import read_curve, read_log
from epiplexity_jax.analysis.ranking.measures import MEASURES
from epiplexity_jax.analysis.ranking.observers import Rankings
from epiplexity_jax.analysis.ranking.ranking import Ranking
from epiplexity_jax.analysis.runs.codes import VARIANTS
from epiplexity_jax.analysis.runs.curve import Curve, Exact, Messages, Online, StepCost
from epiplexity_jax.analysis.runs.from_store import curve_from, curves_by_estimator
from epiplexity_jax.analysis.runs.heldout import HeldoutLosses
from epiplexity_jax.analysis.runs.lengths import Scored, choices, score
from epiplexity_jax.analysis.runs.online_losses import OnlineLosses, online_losses_from
from epiplexity_jax.base.choices import FLOORS

__all__ = [
    "FLOORS",
    "MEASURES",
    "PROCEDURES",
    "VARIANTS",
    "StepCost",
    "Curve",
    "Decomposition",
    "Exact",
    "Frontier",
    "HeldoutLosses",
    "Layout",
    "LossCurve",
    "Member",
    "MessageLog",
    "Messages",
    "Online",
    "OnlineLosses",
    "Points",
    "Ranking",
    "Rankings",
    "Scored",
    "choices",
    "curve_from",
    "curves_by_estimator",
    "estimate",
    "estimate_messages",
    "online_losses_from",
    "read_curve",
    "read_log",
    "score",
    "trace",
]
