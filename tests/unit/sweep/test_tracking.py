"""What trackers are told of a record point, and how series are called."""

import math

import pytest

from epiplexity_jax.sweep.tracking import _file_name, _numbers

LN2 = math.log(2.0)


def point(step, online, kl=None, teacher_steps=None):
    """A record point of batches of 10 label tokens and 25 tokens; sums in bits."""
    row = {
        "step": step,
        "train_tokens": 25 * step,
        "label_tokens": 10 * step,
        "teacher_tokens": 0 if teacher_steps is None else 25 * teacher_steps,
        "spent_flops": 1e6 * step,
        "heldout_loss_nats": 2 * LN2,
        "online_loss_sum_nats": online * LN2,
    }
    return row if kl is None else row | {"kl_sum_nats": kl * LN2}


def test_losses_are_means_since_the_record_point_before():
    assert _numbers(point(0, 0.0), None) == {
        "train_tokens": 0.0,
        "spent_flops": 0.0,
        "heldout_loss_bits": 2.0,
    }
    found = _numbers(point(4, 70.0), point(2, 40.0))
    assert found["online_loss_bits"] == pytest.approx(1.5)
    assert found["train_tokens"] == 100.0
    assert "kl_bits" not in found


def test_a_student_and_its_teacher_have_batches_of_their_own():
    before = point(2, 40.0, kl=1.0, teacher_steps=2)
    found = _numbers(point(6, 70.0, kl=5.0, teacher_steps=4), before)
    assert found["online_loss_bits"] == pytest.approx(30.0 / 20)
    assert found["kl_bits"] == pytest.approx(4.0 / 40)
    waited = _numbers(point(6, 40.0, kl=5.0, teacher_steps=2), before)
    assert "online_loss_bits" not in waited


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("text, width 8 depth 1 lr 0.03 seed 0", "text-width-8-depth-1-lr-0.03-seed-0-01234567"),
        ("../up and: 'down' \\ *", ".._up-and-down-01234567".replace("_", "-")),
        ("x" * 300, "x" * 60 + "-01234567"),
        ("///", "01234567"),
    ],
)
def test_names_fit_a_file_system(words, name):
    assert _file_name(words, "0123456789abcdef") == name
