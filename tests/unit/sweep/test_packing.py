"""Which devices share a batch or a state, and what is refused before anything is compiled."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.packing import Machine, pack, state_bytes
from epiplexity_jax.sweep.plan import make_plan

NOISE = {"noise": {"kind": "noise", "vocab_size": 4, "length": 16}}


def plan(members=2, batch=8, estimator="prequential", sources=NOISE, **training):
    return make_plan(
        parse_sweep(
            {
                "sources": sources,
                "family": {"kind": "transformer", "widths": [16], "depths": [1], "seeds": members},
                "estimator": {"kind": estimator},
                "training": {"steps": 8, "batch_size": batch, **training},
                "heldout": {"tokens": 2048},
            }
        ),
        on_cpu=False,
    )


def packed(plan, *machine, **options):
    return pack(plan, plan.runs, Machine(*machine, **{"on_cpu": False} | options))


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
    assert [wave.data for wave in found] == [data] * waves
    assert all(wave.slots * data % devices == 0 for wave in found)
    assert not any(wave.spreads for wave in found)


def test_cores_share_a_batch_only_if_the_config_says_so():
    (wave,) = packed(plan(members=1), 2, on_cpu=True)
    assert (wave.data, wave.slots) == (1, 2)
    (wave,) = packed(plan(members=1, data_devices=2), 2, on_cpu=True)
    assert (wave.data, wave.slots) == (2, 1)


def test_what_is_left_of_a_plan_is_laid_out_as_the_whole():
    whole = plan(members=4)
    every = packed(whole, 4)
    (rest,) = pack(whole, whole.runs[:1], Machine(4, on_cpu=False))
    assert rest.data == every[0].data == 1


def test_the_config_decides_if_it_says_so():
    (wave,) = packed(plan(data_devices=4), 8)
    assert (wave.data, wave.spreads) == (4, False)
    (wave,) = packed(plan(data_devices=4, shard_state=True), 8)
    assert (wave.data, wave.spreads) == (4, True)
    (wave,) = packed(plan(members=8, shard_state=True), 8)[:1]
    assert (wave.data, wave.spreads) == (8, True)
    with pytest.raises(ConfigError, match=r"^training\.data_devices: 3 does not divide 8 devices"):
        packed(plan(data_devices=3), 8)
    with pytest.raises(ConfigError, match=r"^training\.shard_state: there are no devices"):
        packed(plan(shard_state=True), 1)


@pytest.mark.parametrize("estimator", ["prequential", "requential"])
def test_a_state_that_does_not_fit_is_shared_or_refused(estimator):
    asked = plan(members=8, estimator=estimator)
    needed = state_bytes(asked, asked.runs[0])
    assert needed == 4 * asked.runs[0].cost.params * (5 if estimator == "prequential" else 9)
    (wave,) = packed(asked, 8, memory_bytes=10 * needed)[:1]
    assert (wave.data, wave.spreads, len(wave.runs)) == (1, False, 8)
    found = packed(asked, 8, memory_bytes=needed)
    assert {(wave.data, wave.spreads) for wave in found} == {(2, True)}
    assert [len(wave.runs) for wave in found] == [4, 4]
    with pytest.raises(ConfigError, match="^family: width 16 depth 1 needs .* take smaller"):
        packed(asked, 2, memory_bytes=needed // 4)


def test_a_device_holds_as_many_members_as_fit():
    asked = plan(members=8)
    needed = state_bytes(asked, asked.runs[0])
    found = packed(asked, 1, memory_bytes=4 * needed)
    assert [len(wave.runs) for wave in found] == [3, 3, 2]


def test_logits_of_a_large_vocabulary_count_for_every_member():
    asked = plan(members=8, sources={"noise": {"kind": "noise", "vocab_size": 4096, "length": 64}})
    logits = 2 * 4 * 8 * 64 * 4096
    needed = state_bytes(asked, asked.runs[0]) + logits
    found = packed(asked, 1, memory_bytes=4 * needed)
    assert [len(wave.runs) for wave in found] == [3, 3, 2]
