"""A good config, and plans of a sweep with overrides as the command line takes them."""

import jax
import pytest

from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.config_file import read_config
from epiplexity_jax.sweep.plan import make_plan

PLANNED = """
sources:
  chain: {kind: markov, vocab_size: 4, length: 16}
  noise: {kind: noise, vocab_size: 4, length: 16}
family: {kind: transformer, widths: [8, 16], depths: [1], seeds: 2}
recipe: fixed
training: {steps: 8, batch_size: 4}
heldout: {tokens: 2048}
"""
GOOD = """
sources: {n: {kind: noise, vocab_size: 4, length: 16}}
family: {kind: transformer, widths: [16], depths: [1], seeds: 2}
estimator: {kind: prequential, floor: ema}
recipe: fixed
training: {steps: 8, batch_size: 4}
heldout: {tokens: 2048}
frontier: {test_tokens: 1.0e6, compute: [3e12, 1.0E13]}
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(PLANNED, encoding="utf-8")

    def make(*overrides, platform="cpu"):
        return make_plan(parse_sweep(read_config(path, overrides)), platform)

    return make


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.fixture
def devices():
    """The first device."""
    return jax.devices()[:1]
