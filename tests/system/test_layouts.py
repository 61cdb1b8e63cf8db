"""One cohort on 1, 2, 4 and 8 devices, members, batches and states divided: the same numbers.

Batches that are shared by devices of two processes: test_processes.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
# Devices; those that share a batch; whether they share the state; whether the cohort moves.
LAYOUTS = {
    "one": (1, 1, 0, 0),
    "members": (2, 1, 0, 0),
    "batches in two": (4, 2, 0, 0),
    "states in four": (8, 4, 1, 1),
}
MOVED = "moved/"
NUMBERS = (
    *("heldout_loss_nats", "online_loss_sum_nats", "kl_sum_nats", "kl_raw_sum_nats"),
    *("student_loss_sum_nats", "certified_sum_bits", "teacher_heldout_loss_nats"),
)


def trained(folder, devices, data, spreads, moves):
    """What a layout comes to, and what of it where the cohort has moved."""
    result = folder / f"{devices}.npz"
    words = [str(word) for word in (data, spreads, moves, result)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.layouts", *words],
        env=os.environ | {"JAX_NUM_CPU_DEVICES": str(devices), "NPROC": "64"},
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = dict(np.load(result))
    return found, {k.removeprefix(MOVED): found.pop(k) for k in list(found) if k.startswith(MOVED)}


def check_numbers(one, other):
    """Data, samples and first weights exactly, what is learnt from them to 1e-4."""
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
@pytest.mark.as_users
def test_every_layout_gives_the_same_numbers_and_divides_the_work(tmp_path):
    """One test, so that no layout is trained twice."""
    found = {name: trained(tmp_path, *layout) for name, layout in LAYOUTS.items()}
    one, (eight, moved) = found["one"][0], found["states in four"]
    for name in list(LAYOUTS)[1:]:
        check_numbers(one, found[name][0])
        # A slice has more sequences where devices share it: each does its own.
        flops = found[name][0]["flops_of_one_device"]
        assert 0 < flops < 1.3 * one["flops_of_one_device"], name
    # From eight devices to one and back, where every bit of the state was compared.
    assert len(moved) > 2 * len(NUMBERS)
    check_numbers(one, eight | moved)
    # A quarter of the large arrays; those of under 1024 entries stay whole.
    spread = eight["on_one_device"]
    assert spread < 0.6 * one["on_one_device"] / 2
