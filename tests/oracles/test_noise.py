"""Noise has nothing to learn: every member says so, and not only the uniform code."""

import numpy as np
import pytest

import epiplexity_jax as epx
from epiplexity_jax import analysis
from epiplexity_jax.sweep.config import Heldout, Training

VOCAB = 96
TEST = 1e7


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return epx.run(
        epx.sources.Noise(vocab_size=VOCAB, length=32),
        epx.families.Transformer(widths=(8, 16), depths=(1,), seeds=2),
        recipe="fixed",
        store=tmp_path_factory.mktemp("noise") / "store",
        training=Training(steps=400, batch_size=32),
        heldout=Heldout(tokens=100_000),
    )


@pytest.mark.as_users
def test_noise_is_untrained_at_exactly_its_entropy(runs):
    frontier = runs.frontier(test_tokens=TEST)
    for compute in frontier.budgets():
        result = frontier.at(compute)
        assert result.status == "untrained"
        assert result.epiplexity_bits == 0.0
        assert result.entropy_bits_per_token == pytest.approx(np.log2(VOCAB), rel=1e-12)


@pytest.mark.parametrize("variant", ["paired", "online"])
def test_no_member_sees_structure_in_noise(runs, variant):
    """The area is under 0.1 % of the code of the tokens seen; nobody beats the uniform code."""
    uniform = TEST * np.log2(VOCAB)
    for curve in runs.curves():
        scored = analysis.score(curve, TEST, variant)
        seen = curve.label_tokens[-1] * np.log2(VOCAB)
        if variant == "paired":
            assert abs(scored.model_bits[-1]) < 1e-3 * seen
        else:  # the floor's own error, shared by all tokens, is all there is
            assert abs(scored.model_bits[-1]) < 4 * scored.model_stderr[-1] + 1e-3 * seen
        gain = uniform - scored.mdl_bits[1:]
        assert (gain <= 4 * scored.mdl_stderr[1:]).all()
