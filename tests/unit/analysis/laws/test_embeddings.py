import numpy as np
import pytest

from epiplexity_jax.analysis.laws.embeddings import PF_DAY, ComputeLaw

LAW = ComputeLaw(0.19, 0.64, 1.8e-8 * PF_DAY, 5.3e-14 * PF_DAY, 3.13, 80.0)


def test_the_law_over_both_has_the_best_sizes_of_the_law_over_compute():
    """At N = (C/C*)^delta and D = C/6N a step to either side raises the loss at the same C."""
    law = LAW.law()
    for compute in (1e16, 1e19):
        size = (compute / LAW.c_star_flops) ** LAW.delta
        sizes = size * np.array([0.95, 1.0, 1.05])
        losses = law.loss(sizes, compute / (6.0 * sizes))
        assert losses.argmin() == 1


def test_no_embeddings_leave_a_law_as_it_is():
    same = LAW.with_embeddings(0, 0)
    for name, value in vars(LAW).items():
        assert getattr(same, name) == pytest.approx(value, rel=1e-6)


def test_embeddings_make_small_models_larger():
    corrected = LAW.with_embeddings(256, 192)
    assert corrected.delta < LAW.delta
    assert corrected.n0 == LAW.n0
