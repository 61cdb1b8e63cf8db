import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from tests.unit.analysis.logs.made import FALL, TOKENS, make, warned


def test_a_row_at_zero_covers_nothing():
    curve = make(np.append(99.0, FALL), np.append(0.0, TOKENS))
    assert curve.online_sum_nats == pytest.approx(make().online_sum_nats, rel=1e-12)


def test_a_sampled_curve_begins_with_the_first_batch():
    late = make(FALL[9::10], TOKENS[9::10], sampled_step=1000.0)
    assert "the first batch with a row is number 10" in warned(late)
    assert late.online_sum_nats < make().online_sum_nats
    assert "no initial loss" not in warned(make(sampled_step=1000.0))


def test_sampled_rows_end_batches():
    with pytest.raises(DataError, match="row 1: tokens 1000 does not end a batch"):
        make(sampled_step=300.0)


@pytest.mark.parametrize(
    ("losses", "tokens", "said"),
    [
        (FALL[:2], TOKENS[:2], "has 2 rows"),
        (np.where(TOKENS == 5000, np.nan, FALL), TOKENS, "row 5: loss nan is not finite"),
        (np.where(TOKENS == 5000, -0.1, FALL), TOKENS, "row 5: loss -0.1 is negative"),
        (FALL, np.where(TOKENS == 5000, 4000, TOKENS), "do not increase from row 4 to row 5"),
        (FALL, TOKENS - 2000, "row 1: tokens -1000 is negative"),
        (FALL, TOKENS / 30_000, "is no whole number"),
        (FALL, np.where(TOKENS == 5000, np.inf, TOKENS), "row 5: tokens inf"),
        (FALL[1:], TOKENS, "columns of one length"),
    ],
)
def test_what_is_no_curve_is_refused(losses, tokens, said):
    with pytest.raises(DataError, match=said):
        make(losses, tokens)


def test_fewer_inputs_than_none_are_refused():
    with pytest.raises(DataError, match="must be at least 1, got 0.5"):
        make(tokens_per_label=0.5)


def test_messages_name_lines_where_there_is_a_file():
    with pytest.raises(DataError, match="from line 11 to line 12"):
        make(FALL[:3], np.array([1.0, 5.0, 5.0]), lines=(7, 11, 12))
