import numpy as np
import pytest

from tests.unit.analysis.logs.made import FALL, LN2, TOKENS, make, warned


def test_a_sound_curve_has_nothing_said_of_it():
    assert warned(make()) == ""


@pytest.mark.parametrize(
    ("curve", "options", "said"),
    [
        (make(FALL[:5], TOKENS[:5]), {}, "only 5 rows"),
        (make(FALL[10:], TOKENS[10:]), {}, "no initial loss: the first row covers 1.1e+04 tokens"),
        (make(FALL[10:], TOKENS[:30]), {}, "pretrained start"),
        (make(FALL / LN2), {"floor": 1.5 / LN2}, "bits labelled nats"),
        (make(FALL * 2), {"floor": 3.0}, "wrong --vocab-size"),
        (make(np.full(40, 4.5)), {"floor": 4.4}, "hardly goes down"),
        (make(np.append(FALL[:30], np.full(10, 2.0))), {}, "is no learning curve up to its end"),
        (make(), {"floor": 1.9}, "lie below the floor after 1.5e+04 tokens"),
        (make(), {"floor": 0.5}, "of the area lies between the floor and the level"),
        (make(epochs=3.0), {}, "the file counts 3 epochs: repeated data"),
        (make(), {"vocab_size": None}, "without --vocab-size"),
        (make(), {"bytes_per_token": None}, "do not compare across tokenisers"),
        (make(1.5 + FALL / 500), {}, "an error of 0.001 nats in the floor"),
    ],
)
def test_what_may_be_wrong_is_said(curve, options, said):
    assert said in warned(curve, **options)


@pytest.mark.parametrize(("factor", "divisor"), [(8.0, "8"), (0.25, "0.25")])
def test_sums_over_accumulation_steps_are_named_by_their_factor(factor, divisor):
    floor = 1.55
    assert f"(--loss-divisor {divisor})" in warned(make(FALL * factor), floor=floor)
    assert f"(--loss-divisor {divisor})" in warned(
        make(FALL * factor), floor=floor, vocab_size=None
    )
    assert "--loss-divisor" not in warned(make(), floor=floor)
    assert "wrong --vocab-size" not in warned(make(FALL * factor), floor=floor)


def test_evaluations_from_the_start_have_a_beginning():
    late = make(evaluated=True, step_tokens=1000.0)
    assert "the first evaluation is at 1000 tokens" in warned(late)
    whole = make(np.append(4.5, FALL), np.append(0, TOKENS), evaluated=True, step_tokens=1000.0)
    assert "no initial loss" not in warned(whole)


def test_an_area_that_is_not_the_answer_is_not_judged():
    assert "of the area" not in warned(make(), floor=0.5, test_tokens=100)
    assert "of the area" in warned(make(), floor=0.5)


def test_sampled_batches_that_are_far_apart_are_said_to_be():
    curve = make(FALL[[0, 2, 39]], TOKENS[[0, 2, 39]], sampled_step=1000.0)
    assert "most of the curve is interpolated" in warned(curve)
    assert "interpolating between the sampled batches moves the area" in warned(curve)
