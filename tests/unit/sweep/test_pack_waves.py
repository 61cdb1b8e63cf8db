"""Which devices share a batch or a state, and what is refused before anything is compiled."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.hardware import USABLE, Hardware
from epiplexity_jax.sweep.plan import make_plan
from tests.unit.sweep.plans import members, waves_of

NOISE = {"noise": {"kind": "noise", "vocab_size": 4, "length": 16}}


def one_plan(members=2, batch=8, estimator="prequential", platform="gpu", **training):
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
                "recipe": "fixed",
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
    found = packed(one_plan(members, batch), devices)
    assert [wave.layout.data for wave in found] == [data] * waves
    assert all(wave.slots * data % devices == 0 for wave in found)
    assert not any(wave.layout.shard_state for wave in found)


def test_cores_share_a_batch_only_if_the_config_says_so():
    (wave,) = packed(one_plan(members=1), 2, platform="cpu")
    assert (wave.layout.data, wave.slots) == (1, 2)
    (wave,) = packed(one_plan(members=1, data_devices=2), 2, platform="cpu")
    assert (wave.layout.data, wave.slots) == (2, 1)


def test_what_is_left_of_a_plan_is_laid_out_as_the_whole():
    whole = one_plan(members=4)
    every = packed(whole, 4)
    (rest,) = whole.trainer.waves(whole.runs[:1], {}, Hardware(4, "gpu"))
    assert rest.layout.data == every[0].layout.data == 1


def test_the_config_decides_if_it_says_so():
    (wave,) = packed(one_plan(data_devices=4), 8)
    assert (wave.layout.data, wave.layout.shard_state) == (4, False)
    (wave,) = packed(one_plan(data_devices=4, shard_state=True), 8)
    assert (wave.layout.data, wave.layout.shard_state) == (4, True)
    (wave,) = packed(one_plan(members=8, shard_state=True), 8)[:1]
    assert (wave.layout.data, wave.layout.shard_state) == (8, True)
    with pytest.raises(ConfigError, match=r"^training\.data_devices: 3 does not divide 8 devices"):
        packed(one_plan(data_devices=3), 8)
    with pytest.raises(ConfigError, match=r"^training\.shard_state: there are no devices"):
        packed(one_plan(shard_state=True), 1)


def held(plan, **machine):
    """What a member of a plan holds on one device with all the memory it likes."""
    (wave,) = packed(plan, 1, memory_bytes=2**60, **machine)[:1]
    return wave.fit.memory_bytes // len(wave.run_ids)


def test_a_config_may_forbid_what_would_help():
    asked = one_plan(members=1, shard_state=False)
    with pytest.raises(ConfigError, match="take smaller models$"):
        packed(asked, 8, memory_bytes=1000)
    with pytest.raises(ConfigError, match=r"^training\.rematerialise: XLA undoes it on CPUs"):
        packed(one_plan(members=1, rematerialise=True), 1, platform="cpu")


def test_a_device_holds_as_many_members_as_fit():
    asked = one_plan(members=8)
    found = packed(asked, 1, memory_bytes=int(3.5 * held(asked) / USABLE))
    assert [len(wave.run_ids) for wave in found] == [3, 3, 2]
    assert [wave.fit.memory_bytes for wave in found] == [n * held(asked) for n in (3, 3, 2)]


def test_cores_are_asked_no_less_and_get_a_member_each():
    asked = one_plan(members=2, platform="cpu")
    each = held(asked, platform="cpu")
    waves = packed(asked, 1, platform="cpu", memory_bytes=int(each / USABLE) + 1)
    assert [wave.fit.memory_bytes for wave in waves] == [each, each]


def test_waves_hold_each_run_once_largest_first_and_one_shape_each(plan):
    plan = plan("family.seeds=3", "sources.long={kind: noise, vocab_size: 4, length: 32}")
    waves = waves_of(plan, 2)
    assert sorted(i for wave in waves for i in wave.run_ids) == sorted(
        run.run_id for run in plan.runs
    )
    costs = [members(plan, wave)[0].cost.train_flops_per_token for wave in waves]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) > 1
    for wave in waves:
        shapes = {(run.size, run.dataset.task, run.dataset.layout) for run in members(plan, wave)}
        assert len(shapes) == 1
        assert (len(wave.run_ids), wave.slots) in {(1, 2), (2, 2)}


def test_sources_of_one_shape_share_waves(plan):
    plan = plan("family.widths=[16]", "family.seeds=1")
    (wave,) = waves_of(plan, 2)
    assert [run.dataset.name for run in members(plan, wave)] == ["chain", "noise"]


@pytest.mark.parametrize(
    ("override", "devices", "platform", "sizes", "slots"),
    [
        ("seed=0", 4, "cpu", [4], [4]),
        ("seed=0", 3, "cpu", [3, 1], [3, 3]),
        ("training.members_per_device=2", 2, "cpu", [4], [4]),
        ("seed=0", 1, "gpu", [4], [4]),
        ("training.members_per_device=3", 1, "gpu", [3, 1], [3, 1]),
        ("seed=0", 8, "gpu", [4], [4]),  # two devices each
        ("training.data_devices=1", 8, "gpu", [4], [8]),
    ],
)
def test_waves_fill_the_devices(plan, override, devices, platform, sizes, slots):
    plan = plan("family.widths=[16]", override)
    waves = waves_of(plan, devices, platform)
    assert [len(wave.run_ids) for wave in waves] == sizes
    assert [wave.slots for wave in waves] == slots
