"""Cuts that fit a device, and what a refusal proposes."""

import math

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.networks.base import NetworkFamily
from epiplexity_jax.sweep import fit_memory
from epiplexity_jax.sweep.fit_memory import MemoryFit
from epiplexity_jax.sweep.hardware import USABLE, Hardware
from tests.unit.sweep.plans import plan_of

NOISE = {"noise": {"kind": "noise", "vocab_size": 4, "length": 16}}


def plan(**training):
    """One member on an accelerator."""
    family = {"kind": "transformer", "widths": [16], "depths": [1], "seeds": 1}
    options = {"steps": 8, "batch_size": 8, **training}
    return plan_of("gpu", sources=NOISE, family=family, training=options)


def packed(plan, devices, **options):
    return plan.trainer.waves(plan.runs, {}, Hardware(devices, "gpu", **options))


def weighed(program, shapes, mesh):
    """What a device holds, in a world of round numbers: a state of 10,000 for 16 of width."""
    slices = program.microbatch * (100 if program.model.remat else 1000)
    scored = 50 * (program.scored or 64)
    state = 10_000 * program.model.width // 16 // shapes.state_devices
    return shapes.members * (state + max(slices, scored))


def test_a_member_is_cut_before_work_is_done_twice_and_a_state_shared(monkeypatch):
    """From slices as large as can be down to a refusal that says what would fit."""
    monkeypatch.setattr(fit_memory, "device_bytes", weighed)
    monkeypatch.setattr(fit_memory.MemoryPlanner, "_state_bytes", lambda *of: 100)
    asked = plan()

    def laid_out(memory, devices=1, plan=asked):
        (wave,) = packed(plan, devices, memory_bytes=math.ceil(memory / USABLE))
        return wave

    for memory, fit in (
        (18_000, MemoryFit(8, False, None, 18_000)),
        (17_999, MemoryFit(4, False, 4, 14_000)),
        (13_999, MemoryFit(2, False, 2, 12_000)),
        (11_000, MemoryFit(1, False, 1, 11_000)),
        (10_999, MemoryFit(8, True, 8, 10_800)),
        (10_400, MemoryFit(4, True, 4, 10_400)),
        (10_100, MemoryFit(1, True, 1, 10_100)),
    ):
        assert laid_out(memory).fit == fit
    wave = laid_out(10_099, devices=2)
    assert (wave.layout.data, wave.layout.shard_state) == (2, True)
    assert wave.fit == MemoryFit(8, False, None, 5_000 + 4_000)  # a half of the batch each
    wave = laid_out(2_000, devices=8)
    assert (wave.layout.data, wave.layout.shard_state, wave.fit.remat) == (8, True, True)
    fixed = plan(microbatch=8)
    assert laid_out(18_000, plan=fixed).fit == MemoryFit(8, False, None, 18_000)
    assert laid_out(17_999, plan=fixed).fit == MemoryFit(8, True, None, 13_200)
    with pytest.raises(ConfigError) as refused:
        laid_out(10_099)
    said = str(refused.value)
    assert said.startswith("family: width 16 depth 1 needs 0.0 MiB on each device, with micro")
    assert "with microbatches of 1 and rematerialisation, and the 1 devices have" in said
    assert said.endswith("; width 8 depth 1 would fit, or 2 devices would do")
    with pytest.raises(ConfigError, match="and a state that 2 devices share, .*or 4 devices"):
        laid_out(4_000, devices=2)


def test_sizes_that_a_family_refuses_are_not_proposed(monkeypatch):
    """A family of a third party may build no half of a width, and says so as it likes."""
    monkeypatch.setattr(fit_memory, "device_bytes", weighed)
    monkeypatch.setattr(fit_memory.MemoryPlanner, "_state_bytes", lambda *of: 100)
    asked = plan()
    model = NetworkFamily.model

    def refusing(family, size, *of):
        if size["width"] in (8, 4):
            raise ValueError(f"no heads of {size['width']}")
        return model(family, size, *of)

    monkeypatch.setattr(NetworkFamily, "model", refusing)
    with pytest.raises(ConfigError, match="; width 2 depth 1 would fit, or 2 devices would do$"):
        packed(asked, 1, memory_bytes=math.ceil(10_099 / USABLE))
    monkeypatch.setattr(NetworkFamily, "model", lambda *of: 1 / 0)
    with pytest.raises(ConfigError, match="; 2 devices would do$"):
        packed(asked, 1, memory_bytes=math.ceil(10_099 / USABLE))


def test_memory_is_that_of_the_platform_that_will_train():
    """On a GPU attention is not cut into chunks, and members are trained side by side."""
    noise = {"noise": {"kind": "noise", "vocab_size": 4, "length": 1024}}
    family = {"kind": "transformer", "widths": [128], "depths": [1], "seeds": 4}
    training = {"batch_size": 4, "microbatch": 4, "compute_dtype": "float32"}
    training["members_per_device"] = 4
    held = {}
    for platform in ("cpu", "gpu"):
        planned = plan_of(platform, sources=noise, family=family, training=training)
        waves = planned.trainer.waves(planned.runs, {}, Hardware(1, platform, 2**50))
        assert [len(wave.run_ids) for wave in waves] == [4]
        held[platform] = waves[0].fit.memory_bytes
    assert held["gpu"] > 4 * held["cpu"]  # more than members alone would need
