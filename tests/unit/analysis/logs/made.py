"""Loss curves made by hand."""

import math

import numpy as np

from epiplexity_jax.analysis.logs.estimate import estimate
from epiplexity_jax.analysis.logs.loss_curve import LossCurve

LN2 = math.log(2.0)
V = 96
TOKENS = np.arange(1, 41) * 1000.0
FALL = 1.0 + (math.log(V) - 1.0) * (np.arange(40.0) + 1.0) ** -0.5


def make(losses=FALL, tokens=TOKENS, **changes):
    return LossCurve(name="x.csv", label_tokens=tokens, losses_nats=losses, **changes)


def warned(curve, floor=1.5, vocab_size=V, **changes):
    options = {"params": 1000, "test_tokens": 1e7, "bytes_per_token": 1.0} | changes
    found = estimate(curve, floor_nats=floor, vocab_size=vocab_size, **options)
    return " | ".join(found.decomposition.warnings)
