"""What follows from a frontier's setting."""

from dataclasses import replace

from epiplexity_jax.analysis.frontier.setting import Setting
from epiplexity_jax.analysis.runs.facts import RunFacts

SETTING = Setting("source", 4, "prequential", "paired", "ema", "refined", 1e6, 0.5)


def test_the_setting_has_the_uniform_code_and_bits_per_byte():
    assert SETTING.uniform_bits == 2e6
    assert SETTING.per_byte(2e6) == 4.0
    assert replace(SETTING, bytes_per_token=None).per_byte(2e6) is None


def test_without_a_store_no_facts_are_known():
    assert SETTING.facts == RunFacts()
    assert (SETTING.facts.heldout_split, SETTING.facts.heldout_verbatim_share) == (None, None)
    assert not SETTING.facts.flops_ratios
