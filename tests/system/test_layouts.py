"""One cohort on 1, 2, 4 and 8 devices, members, batches and states divided: the same numbers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
# Devices; those that share a batch; whether they share the state.
LAYOUTS = {
    "one": (1, 1, 0),
    "a member each": (2, 1, 0),
    "a batch in two": (2, 2, 0),
    "members and batches": (4, 2, 0),
    "states in four": (8, 4, 1),
}
NUMBERS = (
    *("heldout_loss_nats", "online_loss_sum_nats", "kl_sum_nats", "kl_raw_sum_nats"),
    *("student_loss_sum_nats", "certified_sum_bits", "teacher_heldout_loss_nats"),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each layout came to."""
    folder = tmp_path_factory.mktemp("layouts")
    answers = {}
    for name, (devices, data, spreads) in LAYOUTS.items():
        result = folder / f"{devices}-{data}-{spreads}.npz"
        command = [sys.executable, "-m", "tests.system.layouts", str(data), str(spreads), result]
        done = subprocess.run(
            command,
            env=os.environ | {"JAX_NUM_CPU_DEVICES": str(devices)},
            capture_output=True, text=True, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answers[name] = dict(np.load(result))
    return answers


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LAYOUTS)[1:])
def test_every_layout_gives_the_same_numbers(found, name):
    one, other = found["one"], found[name]
    assert one.keys() == other.keys()
    for exact in ("data", "samples", "first_weights", "0/step", "1/step"):
        np.testing.assert_array_equal(one[exact], other[exact], err_msg=exact)
    for member in range(2):
        for column in NUMBERS:
            key = f"{member}/{column}"
            scale = one[f"{member}/student_loss_sum_nats"][-1] if "kl" in column else 0.0
            np.testing.assert_allclose(
                other[key], one[key], rtol=1e-4, atol=1e-7 * scale, err_msg=key
            )
            assert np.ptp(one[key]) > 0


@pytest.mark.slow
def test_devices_that_share_a_batch_do_a_part_of_it_each(found):
    """Where a batch is in four, a slice has four times the sequences: each device does its own."""
    alone = found["a member each"]["flops_of_one_device"]
    for name in ("a batch in two", "members and batches", "states in four"):
        assert found[name]["flops_of_one_device"] < 1.3 * alone, name


@pytest.mark.slow
def test_a_spread_state_takes_less_of_each_device(found):
    whole, spread = found["a member each"], found["states in four"]
    # A quarter of the large arrays; those of under 1024 entries stay whole.
    assert spread["on_one_device"] < 0.6 * whole["on_one_device"]
