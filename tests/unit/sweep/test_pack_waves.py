"""Which devices share a batch or a state, and what is refused before anything is compiled."""

import math

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sweep import fit_memory
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.fit_memory import MemoryFit
from epiplexity_jax.sweep.hardware import USABLE, Hardware
from epiplexity_jax.sweep.plan import make_plan

NOISE = {"noise": {"kind": "noise", "vocab_size": 4, "length": 16}}


def plan(members=2, batch=8, estimator="prequential", platform="gpu", **training):
    return make_plan(
        parse_sweep(
            {
                "sources": NOISE,
                "family": {
                    "kind": "transformer",
                    "widths": [16],
                    "depths": [1],
                    "seeds": members,
                },
                "estimator": {"kind": estimator},
                "training": {"steps": 8, "batch_size": batch, **training},
                "heldout": {"tokens": 2048},
            }
        ),
        platform,
    )


def packed(plan, devices, platform="gpu", **options):
    return plan.trainer.waves(plan.runs, {}, Hardware(devices, platform, **options))


@pytest.mark.parametrize(
    ("members", "devices", "batch", "data", "waves"),
    [
        (2, 2, 8, 1, 1),
        (1, 2, 8, 2, 1),
        (2, 8, 8, 4, 1),
        (3, 8, 8, 2, 1),
        (8, 8, 8, 1, 1),
        (1, 8, 6, 2, 1),  # a batch of 6 can be halved, not quartered
        (1, 8, 5, 1, 1),
    ],
)
def test_devices_that_members_leave_share_batches(members, devices, batch, data, waves):
    found = packed(plan(members, batch), devices)
    assert [wave.layout.data for wave in found] == [data] * waves
    assert all(wave.slots * data % devices == 0 for wave in found)
    assert not any(wave.layout.shard_state for wave in found)


def test_cores_share_a_batch_only_if_the_config_says_so():
    (wave,) = packed(plan(members=1), 2, platform="cpu")
    assert (wave.layout.data, wave.slots) == (1, 2)
    (wave,) = packed(plan(members=1, data_devices=2), 2, platform="cpu")
    assert (wave.layout.data, wave.slots) == (2, 1)


def test_what_is_left_of_a_plan_is_laid_out_as_the_whole():
    whole = plan(members=4)
    every = packed(whole, 4)
    (rest,) = whole.trainer.waves(whole.runs[:1], {}, Hardware(4, "gpu"))
    assert rest.layout.data == every[0].layout.data == 1


def test_the_config_decides_if_it_says_so():
    (wave,) = packed(plan(data_devices=4), 8)
    assert (wave.layout.data, wave.layout.shard_state) == (4, False)
    (wave,) = packed(plan(data_devices=4, shard_state=True), 8)
    assert (wave.layout.data, wave.layout.shard_state) == (4, True)
    (wave,) = packed(plan(members=8, shard_state=True), 8)[:1]
    assert (wave.layout.data, wave.layout.shard_state) == (8, True)
    with pytest.raises(ConfigError, match=r"^training\.data_devices: 3 does not divide 8 devices"):
        packed(plan(data_devices=3), 8)
    with pytest.raises(ConfigError, match=r"^training\.shard_state: there are no devices"):
        packed(plan(shard_state=True), 1)


def held(plan, **machine):
    """What a member of a plan holds on one device with all the memory it likes."""
    (wave,) = packed(plan, 1, memory_bytes=2**60, **machine)[:1]
    return wave.fit.memory_bytes // len(wave.run_ids)


def weighed(program, shapes, mesh, on_cpu):
    """What a device holds, in a world of round numbers: a state of 10,000 for 16 of width."""
    slices = program.microbatch * (100 if program.model.remat else 1000)
    scored = 50 * (program.scored or 64)
    state = 10_000 * program.model.width // 16 // shapes.state_devices
    return shapes.members * (state + max(slices, scored))


def test_a_member_is_cut_before_work_is_done_twice_and_a_state_shared(monkeypatch):
    """From slices as large as can be down to a refusal that says what would fit."""
    monkeypatch.setattr(fit_memory, "device_bytes", weighed)
    monkeypatch.setattr(fit_memory.MemoryPlanner, "_state_bytes", lambda *of: 100)
    asked = plan(members=1)

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
    fixed = plan(members=1, microbatch=8)
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


def test_a_config_may_forbid_what_would_help():
    asked = plan(members=1, shard_state=False)
    with pytest.raises(ConfigError, match="take smaller models$"):
        packed(asked, 8, memory_bytes=1000)
    with pytest.raises(ConfigError, match=r"^training\.rematerialise: XLA undoes it on CPUs"):
        packed(plan(members=1, rematerialise=True), 1, platform="cpu")


def test_a_device_holds_as_many_members_as_fit():
    asked = plan(members=8)
    found = packed(asked, 1, memory_bytes=int(3.5 * held(asked) / USABLE))
    assert [len(wave.run_ids) for wave in found] == [3, 3, 2]
    assert [wave.fit.memory_bytes for wave in found] == [n * held(asked) for n in (3, 3, 2)]


def test_cores_are_asked_no_less_and_get_a_member_each():
    asked = plan(members=2, platform="cpu")
    each = held(asked, platform="cpu")
    waves = packed(asked, 1, platform="cpu", memory_bytes=int(each / USABLE) + 1)
    assert [wave.fit.memory_bytes for wave in waves] == [each, each]
